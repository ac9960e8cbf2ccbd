import { z } from 'zod';
import type { CanonicalManifest } from '../canonical.js';
import {
  check,
  dayOr,
  errorText,
  type Fields,
  flagOf,
  shaOf,
  statusOf,
  textOf,
  timestampOf,
  types,
  wholeOf,
} from '../fields.js';
import { metaText } from '../meta.js';
import { identified } from './part.js';

/** The file manifest of seed 000. `source_repo` and `file_path` are the ledger's own names of `source` and `path`. */
export const fileManifestSchema = z.object({
  file_sha: types.sha,
  source: types.text,
  source_repo: types.text,
  path: types.text,
  file_path: types.text,
  pull_ts_utc: types.timestamp,
  size_bytes: types.size,
  row_count_estimate: types.count,
  target_backend: types.text,
  dest_path: types.text,
  ingest_date: types.day,
  status: types.status,
  error_message: z.unknown().optional(),
  error: z.unknown().optional(),
  notes: z.unknown().optional(),
  reprocess: types.flag,
});

const KNOWN = new Set(Object.keys(fileManifestSchema.shape));

/** The value of the first spelling that has one; a second one that differs goes to `rest`. */
function pick(value: Fields, names: readonly [string, string], rest: Map<string, unknown>): unknown {
  const [first, second] = [value[names[0]], value[names[1]]];
  if (errorText(first) === null) return second;
  if (errorText(second) !== null && errorText(second) !== errorText(first)) rest.set(names[1], second);
  return first;
}

/** The canonical row of one file manifest; throws a `FieldProblem` (R1, seed 000). */
export function canonicalFile(value: Fields, text: string): CanonicalManifest {
  check(fileManifestSchema, value);
  const rest = new Map<string, unknown>();
  for (const key in value) if (!KNOWN.has(key)) rest.set(key, value[key]);
  const { notes } = value;
  if (notes !== null && notes !== undefined) rest.set('notes', notes);
  const status = statusOf(value.status);
  const failed = status === 'FAILED' || status === 'RETRYING';
  const error = errorText(pick(value, ['error_message', 'error'], rest));
  const pulled = timestampOf(value.pull_ts_utc);
  return identified({
    event_id: '',
    file_sha: shaOf(value.file_sha),
    source_repo: textOf(pick(value, ['source', 'source_repo'], rest)),
    file_path: textOf(pick(value, ['path', 'file_path'], rest)),
    ingest_date: dayOr(value.ingest_date, pulled),
    pull_ts_utc: pulled,
    size_bytes: wholeOf(value.size_bytes),
    row_count_estimate: wholeOf(value.row_count_estimate),
    target_backend: textOf(value.target_backend),
    dest_path: textOf(value.dest_path),
    status,
    error_message: error ?? (failed ? errorText(notes) : null),
    reprocess: flagOf(value.reprocess),
    meta: metaText(rest),
    dialect: 'file',
    manifest: text,
  });
}
