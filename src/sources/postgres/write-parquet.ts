import { stat } from 'node:fs/promises';
import { EXIT, LakeError } from '../../base/lake-error.js';
import { fillSql, identifier, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import { literalName } from '../formats/index.js';
import type { SourceColumn } from './column-types.js';
import type { CopiedRows } from './copy-rows.js';
import type { ExtractedColumn } from './model.js';
import { rowFingerprint } from './row-fingerprint.js';
import type { ServerNow } from './snapshot.js';
import { misfitsSelect, rowHash, textsSelect, valuesList } from './typed-select.js';

const MIN_LINE = 2 * 1024 * 1024;
const BUFFER = 8 * 1024 * 1024;
/** Rows longer than this do not go through DuckDB within its usual limit of memory. */
const LONG_ROW = 32 * 1024 * 1024;
/** Text of a row group, about. */
const GROUP_BYTES = 48 * 1024 * 1024;
const GROUP_ROWS = { least: 8, most: 122_880 } as const;

/** A file that COPY wrote and what is in it. */
export interface PulledFile {
  readonly file: string;
  readonly copied: CopiedRows;
  readonly columns: readonly SourceColumn[];
  readonly place: string;
  /** ISO 8601 UTC. */
  readonly extractedAt: string;
}

export interface WrittenParquet {
  readonly bytes: number;
  readonly fingerprint: string;
  readonly columns: readonly ExtractedColumn[];
}

function readParams({ file, copied }: PulledFile): { file: string; max_line: number; buffer: number } {
  const maxLine = Math.max(MIN_LINE, copied.longest + 16);
  return { file: literalName(file), max_line: maxLine, buffer: Math.max(BUFFER, 2 * maxLine) };
}

/** Rows in a group, so that wide ones do not take more memory than many narrow ones. */
function groupRows({ bytes, rows }: CopiedRows): number {
  const fitting = rows === 0 ? GROUP_ROWS.most : Math.floor((GROUP_BYTES * rows) / bytes);
  return Math.min(GROUP_ROWS.most, Math.max(GROUP_ROWS.least, fitting));
}

async function copyRows(session: Session, pulled: PulledFile, into: { path: string; asText: ReadonlySet<number> }) {
  const { hash, params } = rowHash(pulled.columns);
  const sql = fillSql(readSqlFile('sources', 'extract_copy'), {
    values: valuesList(pulled.columns, into.asText),
    hash,
    rows: textsSelect(pulled.columns),
    group_rows: trustedFragment(String(groupRows(pulled.copied))),
  });
  const [row] = await session.rows(sql, { ...params, ...readParams(pulled), copy: into.path, at: pulled.extractedAt });
  return Number(row?.['Count'] ?? 0);
}

/** The columns with values that do not fit; rejects with `error` when there are none: then it was about something else. */
async function findMisfits(session: Session, pulled: PulledFile, error: unknown): Promise<Set<number>> {
  const sql = misfitsSelect(pulled.columns);
  if (sql === undefined || !(error instanceof LakeError) || error.code !== 'SQL') throw error;
  const [row = {}] = await session.rows(sql, readParams(pulled));
  const found = pulled.columns.flatMap((_, i) => (row[`f${i}`] === false ? [i] : []));
  if (found.length === 0) throw error;
  return new Set(found);
}

const REASON: Readonly<Record<string, string>> = {
  decimal: 'numbers that it cannot hold: NaN, an infinity, or more digits',
  date: 'dates that it cannot hold: an infinity, or a year before 1 or after 9999',
};
const TIME_REASON = 'times that it cannot hold: an infinity, or a year before 1 or after 9999';

function extracted({ name, postgresType, kind, type }: SourceColumn, asText: boolean): ExtractedColumn {
  if (!asText) return { name, postgresType, type, declaredType: type };
  const note = `delivered as text and not as ${type}: it has ${REASON[kind] ?? TIME_REASON}`;
  return { name, postgresType, type: 'VARCHAR', declaredType: type, note };
}

/** Everything that was copied is in the Parquet file; else nothing is taken. */
function assertComplete(rows: number, { copied, place }: PulledFile): void {
  if (rows === copied.rows) return;
  const message = `the server sent ${copied.rows} rows, and ${rows} of them could be read: nothing is taken`;
  throw new LakeError('SOURCE_INCOMPLETE', message, { place, exitCode: EXIT.data, retryable: true });
}

/**
 * Turns what COPY wrote into a Parquet file with exact types, `_row_hash` and `_extracted_at`. A column with a value that does not fit its type is text. Rejects with
 * code `SOURCE_INCOMPLETE` unless every row is in it.
 */
export async function writeParquet(session: Session, pulled: PulledFile, path: string): Promise<WrittenParquet> {
  const write = async () => {
    let asText: ReadonlySet<number> = new Set();
    let rows: number;
    try {
      rows = await copyRows(session, pulled, { path, asText });
    } catch (error) {
      asText = await findMisfits(session, pulled, error);
      rows = await copyRows(session, pulled, { path, asText });
    }
    assertComplete(rows, pulled);
    const relation = trustedFragment(readSqlFile('sources', 'extract_file'));
    const fingerprint = await rowFingerprint(session, relation, { file: literalName(path) });
    const columns = pulled.columns.map((column, i) => extracted(column, asText.has(i)));
    return { bytes: (await stat(path)).size, fingerprint, columns };
  };
  return pulled.copied.longest > LONG_ROW ? write() : session.withLimitedMemory(write, 'large');
}

/** The watermark among the rows of a Parquet file, and how many have none. */
export async function readWatermark(
  session: Session,
  path: string,
  of: { readonly column: SourceColumn; readonly written: ExtractedColumn; readonly now: ServerNow },
): Promise<{ watermark: string | null; nulls: number }> {
  const { kind, type } = of.column;
  const name = identifier(of.column.name);
  const file = literalName(path);
  const isText = of.written.type === 'VARCHAR';
  const parts = { column: name, type: trustedFragment(type) };
  if (kind === 'date' || kind === 'timestamp' || kind === 'timestamptz') {
    const now = of.now[kind];
    const sql = readSqlFile('sources', isText ? 'extract_watermark_time_text' : 'extract_watermark_time');
    const [row] = await session.rows(fillSql(sql, parts), { file, now });
    const highest = row?.['highest'] ?? null;
    const watermark = highest === null && Number(row?.['later']) > 0 ? now : (highest as string | null);
    return { watermark, nulls: Number(row?.['nulls']) };
  }
  const highest = trustedFragment(kind === 'decimal' ? `floor(max(${name}))` : `max(${name})`);
  const sql = readSqlFile('sources', isText ? 'extract_watermark_number_text' : 'extract_watermark_number');
  const [row] = await session.rows(fillSql(sql, { ...parts, highest }), { file });
  return { watermark: (row?.['highest'] ?? null) as string | null, nulls: Number(row?.['nulls']) };
}
