import { z } from 'zod';
import type { CanonicalManifest } from '../canonical.js';
import { check, FieldProblem, type Fields, shaOf, textOf, timestampOf, types, wholeOf } from '../fields.js';
import { findMember, jsonMembers, linesBetween } from '../json-members.js';
import { exactValue, metaText } from '../meta.js';
import { identified, type Part, partOf } from './part.js';

const SHA256 = /^[0-9a-fA-F]{64}$/;

/** One record of a register. */
export const recordSchema = z.object({
  source_id: types.requiredText,
  dataset: types.requiredText,
  checksum: z
    .string({ error: 'is missing: the SHA-256 of the content' })
    .regex(SHA256, { error: 'expected a SHA-256 of 64 hexadecimal digits' }),
  file_path: types.requiredText,
  file_size: types.positiveSize,
  etag: types.text,
  ts_downloaded: types.timestamp,
  version: types.text,
});

const metadataSchema = z.object({
  process: types.text,
  etl_version: types.text,
  root_dir: types.text,
  total_records: types.size,
  ts_created: types.text,
  ts_updated: types.text,
});

/** The register of seed 001: `metadata` and `records` keyed by SHA-256. */
export const registerSchema = z.object({
  metadata: metadataSchema.optional(),
  records: z.record(z.string(), recordSchema),
});

const COLUMNS = new Set(['source_id', 'checksum', 'file_path', 'file_size', 'ts_downloaded']);

/** The fields of a record that is filed under `key`; throws a `FieldProblem` when it is none. */
export function checkRecord(key: string, value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new FieldProblem(`records.${key}`, 'expected an object');
  const record = value as Fields;
  check(recordSchema, record, `records.${key}.`);
  const sha = shaOf(record.checksum);
  if (sha !== key.toLowerCase()) {
    throw new FieldProblem(`records.${key}.checksum`, `the record is filed under ${key} but its checksum is ${sha}`);
  }
  return record;
}

function canonicalRecord(key: string, text: string, process: string | null): CanonicalManifest {
  const record = checkRecord(key, exactValue(JSON.parse(text), text));
  const rest = new Map<string, unknown>();
  for (const name in record) if (!COLUMNS.has(name) && record[name] !== null) rest.set(name, record[name]);
  if (process !== null && !rest.has('process')) rest.set('process', process);
  const pulled = timestampOf(record.ts_downloaded);
  return identified({
    event_id: '',
    file_sha: shaOf(record.checksum),
    source_repo: textOf(record.source_id),
    file_path: textOf(record.file_path),
    ingest_date: pulled.slice(0, 10),
    pull_ts_utc: pulled,
    size_bytes: wholeOf(record.file_size),
    row_count_estimate: null,
    target_backend: null,
    dest_path: null,
    status: 'INGESTED',
    error_message: null,
    reprocess: false,
    meta: metaText(rest),
    dialect: 'register',
    manifest: text,
  });
}

/**
 * One canonical row per record. Of `metadata` only `process` enters a row: what changes with every save would make old records new events.
 * Problems are told per record; a register without `metadata` is read all the same.
 */
export function canonicalRegister(value: Fields, text: string): Part[] {
  const metadata = value.metadata;
  const process = typeof metadata === 'object' && metadata !== null ? (metadata as Fields).process : null;
  const records = findMember(text, 'records');
  if (records === undefined) return [];
  let lines = linesBetween(text, 0, records.at);
  let before = 0;
  return jsonMembers(records.text).map((member) => {
    lines += linesBetween(records.text, before, member.at);
    before = member.at;
    return partOf(member.text, lines, () => canonicalRecord(member.key, member.text, textOf(process)));
  });
}
