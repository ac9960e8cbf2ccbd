import { stat } from 'node:fs/promises';
import { usageError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Snapshot } from '../../delta/index.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import { literalName } from '../../sources/formats/index.js';
import { rowFingerprint } from '../../sources/index.js';
import type { BronzeTarget, NamedType } from '../load/target.js';

const HASH: NamedType = { name: '_row_hash', type: 'BIGINT' };
const EXTRACTED_AT: NamedType = { name: '_extracted_at', type: 'TIMESTAMP WITH TIME ZONE' };
const DELETED: NamedType = { name: '_deleted', type: 'BOOLEAN' };

/** By which the rows of later runs are told from those that are there. */
export const ROW_COLUMNS = [HASH.name, EXTRACTED_AT.name];

/** A Parquet file with rows of a table, ready to be loaded. */
export interface TableRows {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly rows: number;
  /** The fingerprint of the rows. */
  readonly checksum: string;
  readonly columns: readonly NamedType[];
}

export interface NewRowsRequest {
  readonly session: Session;
  readonly target: BronzeTarget;
  readonly snapshot: Snapshot | undefined;
  /** What was read: a Parquet file with `_row_hash` and `_extracted_at` beside its columns. */
  readonly extracted: {
    readonly file: string;
    readonly rows: number;
    readonly columns: readonly NamedType[];
    readonly fingerprint: string;
  };
  /** Where the result is written to unless it is what was read. */
  readonly into: string;
  /** Identifies the table within its target. */
  readonly path: string;
  readonly key: readonly string[];
  /** Whether the rows of the target are what a transform made of them. */
  readonly transformed: boolean;
}

function has(snapshot: Snapshot, name: string): boolean {
  return snapshot.schema.fields.some((field) => field.name === name);
}

/** Throws a usage error for a target that has rows, but none of a table, or only what a transform has left of them. */
function assertTableTarget({ target, transformed }: NewRowsRequest, snapshot: Snapshot): void {
  if (has(snapshot, HASH.name) && has(snapshot, EXTRACTED_AT.name)) return;
  const place = `${target.name}@${snapshot.version}`;
  if (transformed) {
    throw usageError(`${target.name} has rows without _row_hash and _extracted_at: nobody can tell what is new`, {
      place,
      hint: 'keep both in the transform (SELECT * …), and load into a new target with into:',
    });
  }
  throw usageError(`${target.name} has rows of files: the rows of a table cannot be told from them`, {
    place,
    hint: 'give the table a target of its own with into:',
  });
}

function keyOf(key: readonly string[]): SqlFragment {
  const parts = key.map((name) => trustedFragment(`CAST(${identifier(name)} AS VARCHAR)`));
  const [only, ...others] = parts;
  return only !== undefined && others.length === 0 ? only : trustedFragment(`row(${joinFragments(parts, ', ')})`);
}

/** Throws a usage error when a column of the key is not among those that were read. */
function assertKey({ key, extracted: { columns } }: NewRowsRequest): void {
  const missing = key.find((name) => !columns.some((column) => column.name === name));
  if (missing === undefined) return;
  throw usageError(`the table has no key column "${missing}"`, {
    hint: `one of ${columns.map(({ name }) => name).join(', ')}`,
  });
}

/** The snapshot of a target with rows to compare with. */
function comparable(request: NewRowsRequest): Snapshot | undefined {
  const { snapshot } = request;
  if (snapshot === undefined || snapshot.files.length === 0) return undefined;
  assertTableTarget(request, snapshot);
  return snapshot;
}

async function run(
  request: NewRowsRequest,
  sql: string,
  more: SqlParams = {},
): Promise<Pick<TableRows, 'file' | 'size' | 'rows' | 'checksum'>> {
  const { session, extracted, into, path } = request;
  const [row] = await session.rows(sql, { file: literalName(extracted.file), new_file: into, path, ...more });
  const written = trustedFragment(readSqlFile('ingest', 'table_written'));
  const checksum = await rowFingerprint(session, written, { file: literalName(into) });
  return { file: into, rows: Number(row?.['Count'] ?? 0), size: (await stat(into)).size, checksum };
}

async function asRead({ extracted }: NewRowsRequest): Promise<TableRows> {
  const { file, rows, columns, fingerprint: checksum } = extracted;
  return { file, rows, checksum, size: (await stat(file)).size, columns: [...columns, HASH, EXTRACTED_AT] };
}

/** What was read, as a full load has it: nothing is compared. Throws a usage error for a target with rows of files. */
export async function allRows(request: NewRowsRequest): Promise<TableRows> {
  if (!request.transformed) comparable(request);
  return asRead(request);
}

/**
 * The rows that the target does not have yet. By key a row is new unless the last one of its key is the same; without a key rows are
 * compared as wholes, and of equal ones as many are new as are more than the target has.
 */
export async function newRows(request: NewRowsRequest): Promise<TableRows> {
  assertKey(request);
  const snapshot = comparable(request);
  if (snapshot === undefined) return asRead(request);
  const { target, key, extracted } = request;
  const known = trustedFragment(await target.table.scan({ slot: 'table_known', snapshot, files: snapshot.files }));
  const sql =
    key.length === 0
      ? fillSql(readSqlFile('ingest', 'table_new_by_hash'), { known })
      : fillSql(readSqlFile('ingest', 'table_new_by_key'), { known, key: keyOf(key) });
  return { ...(await run(request, sql)), columns: [...extracted.columns, HASH, EXTRACTED_AT] };
}

/**
 * What was read and, with `_deleted`, a row for each key that the target has and the table has not any more. Contents in `replaced` are
 * about to go; rows of days after `day` do not count.
 */
export async function withTombstones(
  request: NewRowsRequest,
  at: { readonly replaced: readonly string[]; readonly day: string; readonly extractedAt: string },
): Promise<TableRows> {
  assertKey(request);
  const { target, key, extracted } = request;
  const columns = [...extracted.columns, HASH, EXTRACTED_AT, DELETED];
  const snapshot = comparable(request);
  if (snapshot === undefined) {
    return { ...(await run(request, readSqlFile('ingest', 'table_live_rows'))), columns };
  }
  const known = trustedFragment(await target.table.scan({ slot: 'table_known', snapshot, files: snapshot.files }));
  const last = extracted.columns.map(({ name, type }) =>
    trustedFragment(
      has(snapshot, name)
        ? `TRY_CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`
        : `CAST(NULL AS ${type}) AS ${identifier(name)}`,
    ),
  );
  const sql = fillSql(readSqlFile('ingest', 'table_tombstones'), {
    known,
    key: keyOf(key),
    columns: joinFragments(last, ', '),
    deleted: has(snapshot, DELETED.name) ? trustedFragment('coalesce(_deleted, false)') : trustedFragment('false'),
  });
  const { replaced, day, extractedAt } = at;
  return { ...(await run(request, sql, { replaced, day, extracted_at: extractedAt })), columns };
}
