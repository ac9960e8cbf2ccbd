import { usageError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { parseSelect } from '../../delta/index.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import type { NamedType } from './target.js';

/** What a transform is given: a session in which the rows of one file are the view `source`. */
export interface TransformSource {
  readonly session: Session;
  readonly path: string;
  readonly sha: string;
}

/** Makes the rows of the target out of the view `source`: the text of a SELECT, or a function that returns one. */
export type Transform =
  | { readonly sql: string; readonly params: SqlParams }
  | ((source: TransformSource) => string | Promise<string>);

/** A file of a batch. */
export interface BatchFile {
  readonly no: number;
  readonly path: string;
  readonly sha: string;
  /** Its rows are read anew with each run: they are told by their hash, and not by their place in these bytes. */
  readonly anew: boolean;
}

export interface BatchRowsDeps {
  readonly session: Session;
  readonly runId: string;
  /** `YYYY-MM-DD` */
  readonly ingestDate: string;
}

/** The rows of a batch in the shape of the target. They can be asked for as often as one likes. */
export interface BatchRows {
  /** Without lineage. */
  readonly columns: readonly NamedType[];
  /** The columns of the target and `_file_no`. */
  readonly relation: SqlFragment;
}

/** Registers the files of a batch; rows of others are in no relation. */
export async function registerFiles(deps: BatchRowsDeps, files: readonly BatchFile[]): Promise<void> {
  const rows = files.map(({ no, path, sha }) => ({
    _file_no: no,
    _file_sha: sha,
    _run_id: deps.runId,
    _source_path: path,
    _ingest_date: deps.ingestDate,
  }));
  await deps.session.run(readSqlFile('ingest', 'batch_files'), { files: JSON.stringify(rows) });
}

/** Takes files out of the batch. */
export async function leaveOut(session: Session, fileNos: readonly number[]): Promise<void> {
  if (fileNos.length === 0) return;
  await session.run(readSqlFile('ingest', 'batch_leave_out'), { files: fileNos.map(String) });
}

/** The rows that the files have by the schema plan: `selects` give `_file_no`, `_row_no`, the columns and `_rescued_data`. */
export async function plainRows(
  session: Session,
  request: {
    readonly selects: readonly SqlFragment[];
    readonly columns: readonly NamedType[];
    /** Read again with each look: rows too many to be kept in the session. */
    readonly large: boolean;
  },
): Promise<BatchRows> {
  const { selects, columns, large } = request;
  const [first, ...others] = selects;
  if (first === undefined) {
    return { columns: [], relation: withLineage(trustedFragment(readSqlFile('ingest', 'batch_no_rows')), []) };
  }
  if (large && others.length === 0) return { columns, relation: withLineage(first, columns) };
  await session.run(fillSql(readSqlFile('ingest', 'batch_keep_first'), { rows: first }));
  for (const rows of others) await session.run(fillSql(readSqlFile('ingest', 'batch_keep_more'), { rows }));
  return { columns, relation: withLineage(trustedFragment(readSqlFile('ingest', 'batch_kept')), columns) };
}

function withLineage(rows: SqlFragment, columns: readonly NamedType[]): SqlFragment {
  const names = columns.map(({ name }) => trustedFragment(`rows.${identifier(name)}, `));
  return trustedFragment(fillSql(readSqlFile('ingest', 'batch_rows'), { columns: joinFragments(names, ''), rows }));
}

async function statementOf(transform: Transform, source: TransformSource): Promise<{ sql: string; params: SqlParams }> {
  if (typeof transform !== 'function') return { sql: transform.sql, params: transform.params };
  return { sql: await transform(source), params: {} };
}

/** Throws a usage error unless the text is one statement that reads. */
async function assertSelect(session: Session, sql: string): Promise<SqlFragment> {
  try {
    await parseSelect(session, sql);
  } catch (error) {
    throw usageError(`the transform is not one SELECT: ${error instanceof Error ? error.message : String(error)}`, {
      hint: 'for example: SELECT * FROM source',
      cause: error,
    });
  }
  return trustedFragment(sql.replace(/;\s*$/, ''));
}

/**
 * Runs a transform over each file and returns its rows as a batch. `_row_no` and `_rescued_data` are those of `source` when the
 * transform keeps them, else the position in its output and NULL.
 */
export async function transformedRows(
  deps: BatchRowsDeps,
  source: {
    readonly rows: BatchRows;
    readonly files: readonly BatchFile[];
    /** Columns that the transform must keep: the next run needs them. */
    readonly kept: readonly string[];
  },
  transform: Transform,
): Promise<BatchRows> {
  const { session } = deps;
  let created = false;
  try {
    for (const file of source.files) {
      const fileNo = trustedFragment(String(file.no));
      const view = readSqlFile('ingest', 'source_view');
      await session.run(fillSql(view, { rows: source.rows.relation, file_no: fileNo }));
      const { sql, params } = await statementOf(transform, { session, path: file.path, sha: file.sha });
      const statement = await assertSelect(session, sql);
      const text = created ? readSqlFile('ingest', 'transform_add') : readSqlFile('ingest', 'transform_create');
      await session.run(fillSql(text, { statement }), { ...params, _file_no: file.no });
      created = true;
    }
  } finally {
    await session.run(readSqlFile('ingest', 'drop_source_view'));
  }
  if (!created) return plainRows(session, { selects: [], columns: [], large: false });
  const described = await session.rows(readSqlFile('ingest', 'transform_describe'));
  const output = described.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
  const dropped = source.kept.filter((name) => !output.some((column) => column.name === name));
  if (dropped.length === 0) return outputRows(output);
  throw usageError(`the transform drops ${dropped.join(' and ')}: the next run could not tell what is new`, {
    hint: 'keep both: SELECT *, … FROM source',
  });
}

/** Columns of `source` that are about the row and not data. */
const OWN: ReadonlySet<string> = new Set([
  '_file_no',
  '_output_no',
  '_row_no',
  '_rescued_data',
  '_file_sha',
  '_run_id',
  '_source_path',
  '_ingest_date',
]);

/** Sums are wider than anything that Delta has for whole numbers; 38 digits is the most. */
function widest({ name, type }: NamedType): NamedType {
  return { name, type: type === 'HUGEINT' || type === 'UHUGEINT' ? 'DECIMAL(38,0)' : type };
}

function outputRows(output: readonly NamedType[]): BatchRows {
  const names = new Set(output.map(({ name }) => name));
  const columns = output.filter(({ name }) => !OWN.has(name)).map(widest);
  if (columns.length === 0)
    throw usageError('the transform gives no column', { hint: 'for example: SELECT * FROM source' });
  const rows = fillSql(readSqlFile('ingest', 'transform_rows'), {
    columns: joinFragments(
      columns.map(({ name, type }) => trustedFragment(`CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`)),
      ', ',
    ),
    row_no: identifier(names.has('_row_no') ? '_row_no' : '_output_no'),
    rescued: names.has('_rescued_data') ? identifier('_rescued_data') : trustedFragment('NULL::VARCHAR'),
  });
  return { columns, relation: withLineage(trustedFragment(rows), columns) };
}

/** What the target is given. */
export function targetRows(rows: SqlFragment): SqlFragment {
  return trustedFragment(fillSql(readSqlFile('ingest', 'batch_target_rows'), { rows }));
}

const TABLES = [
  'ingest_row',
  'ingest_transformed',
  'ingest_batch_file',
  'ingest_reject',
  'ingest_kept_reject',
  'ingest_relabel',
];

/** Drops what a batch has kept in the session. */
export async function dropBatchRows(session: Session): Promise<void> {
  for (const table of TABLES) {
    await session.run(fillSql(readSqlFile('ingest', 'drop_batch_tables'), { table: identifier(table) }));
  }
}
