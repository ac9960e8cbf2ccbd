import { recordSchema } from '../dialects/register.js';
import { check, FieldProblem, type Fields, shaOf, timestampOf, wholeOf } from '../fields.js';
import { exactValue } from '../meta.js';

/** One file that a register knows (seed 001, `ManifestRecord`); frozen through and through. Further fields are those of the register's type. */
export interface RegisterRecord {
  readonly source_id: string;
  readonly dataset: string;
  /** SHA-256 of the content, 64 hexadecimal digits in lower case. */
  readonly checksum: string;
  readonly file_path: string;
  /** Bytes, above 0. */
  readonly file_size: number;
  readonly etag: string | null;
  /** ISO 8601 UTC with six fraction digits. */
  readonly ts_downloaded: string;
  /** Version of the code that produced the file. */
  readonly version: string | null;
  readonly [more: string]: unknown;
}

/** NUL, or half of a surrogate pair: the ledger has no place for them. */
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** The record of fields that have passed `checkRecord`. */
export function recordOf(fields: Fields): RegisterRecord {
  const { source_id, dataset, checksum, file_path, file_size, etag, ts_downloaded, version, ...more } = fields;
  return deepFreeze({
    source_id: String(source_id),
    dataset: String(dataset),
    checksum: shaOf(checksum),
    file_path: String(file_path),
    file_size: wholeOf(file_size) ?? 0,
    etag: (etag as string | null | undefined) ?? null,
    ts_downloaded: timestampOf(ts_downloaded),
    version: (version as string | null | undefined) ?? null,
    ...more,
  });
}

/**
 * The record that these fields are once they are written and read again. Throws a `FieldProblem` when they are none, or when the
 * ledger would reject them.
 */
export function newRecord(fields: Fields): RegisterRecord {
  let text: string;
  try {
    text = JSON.stringify(fields);
  } catch (error) {
    throw new FieldProblem(null, `cannot be written as JSON: ${error instanceof Error ? error.message : error}`);
  }
  const value: Fields = exactValue(JSON.parse(text), text);
  const bad = Object.keys(value).find((name) => typeof value[name] === 'string' && UNSTORABLE.test(value[name]));
  if (bad !== undefined) throw new FieldProblem(bad, 'holds a NUL character or half of a surrogate pair');
  check(recordSchema, value);
  return recordOf(value);
}

const texts = new WeakMap<RegisterRecord, string>();

function textOf(record: RegisterRecord): string {
  const text = texts.get(record) ?? JSON.stringify(record);
  texts.set(record, text);
  return text;
}

/** Whether two records say the same. */
export function isSameRecord(a: RegisterRecord, b: RegisterRecord): boolean {
  return a === b || (a.ts_downloaded === b.ts_downloaded && textOf(a) === textOf(b));
}

/** Of two records of one content, the one that counts: the newer, ties broken by what they say. Of two that say the same, the first. */
export function countingRecord(a: RegisterRecord, b: RegisterRecord): RegisterRecord {
  if (a.ts_downloaded !== b.ts_downloaded) return a.ts_downloaded > b.ts_downloaded ? a : b;
  return a === b || textOf(a) >= textOf(b) ? a : b;
}

/** Oldest first, ties by checksum. */
export function compareRecords(a: RegisterRecord, b: RegisterRecord): number {
  if (a.ts_downloaded !== b.ts_downloaded) return a.ts_downloaded < b.ts_downloaded ? -1 : 1;
  return a.checksum < b.checksum ? -1 : Number(a.checksum > b.checksum);
}
