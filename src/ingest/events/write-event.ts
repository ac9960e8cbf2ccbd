import { type CanonicalManifest, parseManifest } from '../../manifest/index.js';
import type { FileEvent } from '../model.js';

/** Largest INT of Spark and Delta. */
const MAX_INT = 2_147_483_647;

/** The manifest that tells the ledger of an event: a file manifest with one more key, `ingest`. */
export interface EventManifest {
  readonly file_sha: string;
  readonly source: string;
  readonly path: string;
  readonly pull_ts_utc: string;
  readonly size_bytes: number | null;
  readonly row_count_estimate: number | null;
  readonly target_backend: string;
  readonly dest_path: string;
  readonly ingest_date: string;
  readonly status: string;
  readonly error_message: string | null;
  readonly reprocess: boolean;
  readonly ingest: Readonly<Record<string, unknown>>;
}

/** What `meta.ingest` holds of an event: its `detail`, and the fields that have no column. */
export function ingestDetail(event: FileEvent): Readonly<Record<string, unknown>> {
  return {
    ...event.detail,
    action: event.action,
    rule: event.rule,
    reason: event.reason,
    seq: event.seq,
    run_id: event.runId,
    target: event.target,
    batch: event.batch,
    attempt: event.attempt,
    next_retry_at: event.nextRetryAt,
    error_code: event.errorCode,
    git_sha: event.gitSha,
    rows: event.rows,
    schema_version: event.schemaVersion,
    business_date: event.businessDate,
  };
}

/**
 * The file manifest of an event, as an object and as its JSON text. `ingestDate` is the partition of its rows; without it
 * the UTC day of the event.
 */
export function fileManifest(
  event: FileEvent,
  ingestDate: string = event.at.slice(0, 10),
): { readonly value: EventManifest; readonly text: string } {
  const value: EventManifest = {
    file_sha: event.sha,
    source: event.source,
    path: event.path,
    pull_ts_utc: event.at,
    size_bytes: event.size,
    row_count_estimate: event.rows !== null && event.rows <= MAX_INT ? event.rows : null,
    target_backend: 'DELTA',
    dest_path: event.target,
    ingest_date: ingestDate,
    status: event.status,
    error_message: event.error,
    reprocess: event.reprocess,
    ingest: ingestDetail(event),
  };
  return { value, text: JSON.stringify(value) };
}

/** An event as the ledger takes it (`Staging.add`). */
export function canonicalEvent(event: FileEvent, ingestDate?: string): CanonicalManifest {
  const { text } = fileManifest(event, ingestDate);
  const [part] = parseManifest(JSON.parse(text), text);
  if (part !== undefined && 'manifest' in part) return part.manifest;
  throw new Error(`an event is no manifest: ${part?.problem.field}: ${part?.problem.message}`, {
    cause: part?.problem,
  });
}
