import { hash } from 'node:crypto';

/** The one status vocabulary (Decision 3). */
export const STATUSES = [
  'PENDING',
  'PROCESSING',
  'INGESTED',
  'SKIPPED',
  'RETRYING',
  'FAILED',
  'REPROCESSED',
  'QUARANTINED',
] as const;

export type Status = (typeof STATUSES)[number];
export type Dialect = 'file' | 'register' | 'run';

/** One canonical manifest row, as staged into DuckDB (R1); the names are the names of the staging columns. */
export interface CanonicalManifest {
  /** SHA-256 hex of the content below except `manifest`: one delivery written in different ways has one id. */
  event_id: string;
  file_sha: string;
  source_repo: string | null;
  file_path: string | null;
  /** `YYYY-MM-DD`; the UTC day of `pull_ts_utc` unless the manifest says another. */
  ingest_date: string;
  /** ISO 8601 UTC with exactly six fraction digits: `2020-04-23T16:20:48.000000Z`. */
  pull_ts_utc: string;
  /** Bytes, a safe integer. */
  size_bytes: number | null;
  /** 0 to 2147483647. */
  row_count_estimate: number | null;
  target_backend: string | null;
  dest_path: string | null;
  status: Status;
  error_message: string | null;
  reprocess: boolean;
  /** JSON object text with sorted keys: unknown fields and `notes`; null when there is nothing. `_ledger` arrives as `_ledger_received`. */
  meta: string | null;
  /** The manifest as received: the text of that object. */
  manifest: string;
  dialect: Dialect;
}

/** Where a manifest was read; `-` is standard input, `line` the 1-based line (Parquet: row) where it starts. */
interface Origin {
  readonly file: string;
  readonly line: number | null;
}

/** A manifest that was not accepted (R3). `text` is its original text, at most 1 MiB. */
export interface Rejection extends Origin {
  readonly field: string | null;
  readonly reason: string;
  readonly text: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that JSON escapes
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

// Most text needs no escape, and this is several times faster than JSON.stringify of the whole row.
function quoted(text: string | null): string {
  if (text === null) return 'null';
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** The id of a canonical row: SHA-256 of its JSON with sorted keys and no blanks, without `event_id` and `manifest`. */
export function eventId(row: CanonicalManifest): string {
  return hash(
    'sha256',
    `{"dest_path":${quoted(row.dest_path)},"dialect":"${row.dialect}","error_message":${quoted(row.error_message)},` +
      `"file_path":${quoted(row.file_path)},"file_sha":${quoted(row.file_sha)},"ingest_date":"${row.ingest_date}",` +
      `"meta":${quoted(row.meta)},"pull_ts_utc":"${row.pull_ts_utc}","reprocess":${row.reprocess},` +
      `"row_count_estimate":${row.row_count_estimate},"size_bytes":${row.size_bytes},"source_repo":${quoted(row.source_repo)},` +
      `"status":"${row.status}","target_backend":${quoted(row.target_backend)}}`,
  );
}
