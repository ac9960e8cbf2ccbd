import type { FieldDef } from 'pg';
import { didYouMean } from '../../base/nearest.js';
import {
  fillSql,
  identifier,
  identifiers,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { planColumn, type ServerColumn, type SourceColumn } from './column-types.js';
import { codeOf, configError, postgresError } from './errors.js';
import type { ExtractFrom, SourceDescription } from './model.js';
import { trimStatement } from './query-text.js';
import type { PostgresWire, WireRow } from './wire.js';

/** What is read, as the server knows it in one transaction. */
export interface ServerSource {
  readonly kind: SourceDescription['kind'];
  /** What stands after FROM. */
  readonly relation: SqlFragment;
  readonly columns: readonly SourceColumn[];
  readonly canSeeLateRows: boolean;
}

/** Of the lineage of a bronze table; a column of that name cannot be told from ours. */
const RESERVED: ReadonlySet<string> = new Set([
  '_row_hash',
  '_file_sha',
  '_run_id',
  '_row_no',
  '_source_path',
  '_rescued_data',
  '_ingest_date',
  '_extracted_at',
  '_deleted',
]);

const KINDS: Readonly<Record<string, SourceDescription['kind']>> = {
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};

async function names(wire: PostgresWire, sql: string, values?: readonly string[]): Promise<string[]> {
  return (await wire.rows(sql, values)).map((row) => row['name'] ?? '');
}

/** Why a table is not there, with what there is instead. */
async function missingTable(wire: PostgresWire, from: { schema: string; table: string }, place: string) {
  const { schema, table } = from;
  const schemas = await names(wire, readSqlFile('sources', 'pg_near_schemas'));
  if (!schemas.includes(schema)) {
    return configError(`the database has no schema "${schema}"`, place, didYouMean(schema, schemas));
  }
  const elsewhere = await names(wire, readSqlFile('sources', 'pg_near_tables_elsewhere'), [table]);
  const [other] = elsewhere;
  const hint =
    other === undefined
      ? didYouMean(table, await names(wire, readSqlFile('sources', 'pg_near_tables'), [schema]))
      : `did you mean "${other}.${table}"?`;
  return configError(`the schema "${schema}" has no table "${table}"`, place, hint);
}

interface Wanted {
  readonly wire: PostgresWire;
  readonly from: ExtractFrom;
  readonly columns: readonly string[] | undefined;
  readonly place: string;
}

/** The wanted columns among all of them, in the order of the source. */
function chosen({ columns, place }: Wanted, all: readonly string[]): string[] {
  const unknown = columns?.find((name) => !all.includes(name));
  if (unknown !== undefined) throw configError(`there is no column "${unknown}"`, place, didYouMean(unknown, all));
  return columns === undefined ? [...all] : all.filter((name) => columns.includes(name));
}

/** Names that cannot be those of a bronze table. */
function assertNames(found: readonly string[], place: string): void {
  const seen = new Map<string, string>();
  for (const name of found) {
    const plain = name.toLowerCase();
    if (RESERVED.has(plain)) {
      const hint = 'leave it out with include_columns, or rename it in a query';
      throw configError(`the column "${name}" has a name that lakeledger uses itself`, place, hint);
    }
    const other = seen.get(plain);
    if (other !== undefined) {
      const both = other === name ? `two columns are called "${name}"` : `"${other}" and "${name}" differ in case only`;
      throw configError(both, place, 'leave one out with include_columns, or rename it in a query');
    }
    seen.set(plain, name);
  }
}

async function withTypes(
  wire: PostgresWire,
  fields: readonly FieldDef[],
  notNull: ReadonlySet<string>,
): Promise<SourceColumn[]> {
  const types = await wire.rows(readSqlFile('sources', 'pg_types'), [
    fields.map(({ dataTypeID }) => dataTypeID),
    fields.map(({ dataTypeModifier }) => dataTypeModifier),
  ]);
  return fields.map(({ name, dataTypeID, dataTypeModifier }, i) => {
    const type: WireRow = types[i] ?? {};
    const column: ServerColumn = {
      name,
      oid: dataTypeID,
      typmod: dataTypeModifier,
      postgresType: type['name'] ?? String(dataTypeID),
      typtype: type['typtype'] ?? '',
      category: type['category'] ?? '',
      nullable: !notNull.has(name),
    };
    return planColumn(column);
  });
}

async function describeTable(wanted: Wanted, from: { schema: string; table: string }): Promise<ServerSource> {
  const { wire, place } = wanted;
  const [found] = await wire.rows(readSqlFile('sources', 'pg_relation'), [from.schema, from.table]);
  if (found === undefined) throw await missingTable(wire, from, place);
  const all = await wire.rows(readSqlFile('sources', 'pg_columns'), [found['oid']]);
  const columns = chosen(
    wanted,
    all.map((row) => row['name'] ?? ''),
  );
  assertNames(columns, place);
  const relation = trustedFragment(`${identifier(from.schema)}.${identifier(from.table)}`);
  const kind = KINDS[found['kind'] ?? ''] ?? 'table';
  // Nobody sees to it that a foreign table keeps its word.
  const sure = kind === 'foreign table' ? [] : all.filter((row) => row['is_not_null'] === 'true');
  const notNull = new Set(sure.map((row) => row['name'] ?? ''));
  const fields = await wire.fields(
    fillSql(readSqlFile('sources', 'pg_describe'), { columns: identifiers(columns), relation }),
  );
  return {
    kind,
    relation,
    columns: await withTypes(wire, fields, notNull),
    canSeeLateRows: found['has_ids'] === 'true',
  };
}

/** A name in an error about a query that the server does not know, with the ones that it does. */
async function missingInQuery(wire: PostgresWire, error: unknown, place: string) {
  const known = postgresError(error, place);
  const code = codeOf(error);
  if (/^(?:42P02|08P01)$/.test(code) && /parameter/.test(known.message)) {
    const hint = "it reads the date with current_setting('lakeledger.execution_date')::date";
    return configError('a query has no parameters', place, hint);
  }
  if (code === '42601') return configError(known.message, place, 'a query is exactly one SELECT');
  const relation = code === '42P01' ? /"([^"]+)"/.exec(known.message)?.[1] : undefined;
  if (relation === undefined) return known;
  await wire.rows(readSqlFile('sources', 'pg_rollback'));
  const dot = relation.lastIndexOf('.');
  const [schema, table] = dot < 0 ? ['', relation] : [relation.slice(0, dot), relation.slice(dot + 1)];
  const near = await names(wire, readSqlFile('sources', 'pg_near_tables'), [schema]);
  return configError(known.message, place, didYouMean(table, near));
}

/** The server decides whether a text is one statement, whether that can be asked for rows, and what they are. */
async function describeQuery(wanted: Wanted, text: string): Promise<ServerSource> {
  const { wire, place } = wanted;
  const query = trustedFragment(text);
  const trimmed = trustedFragment(trimStatement(text));
  if (trimmed === '') throw configError('the query is empty', place);
  const relation = trustedFragment(fillSql(readSqlFile('sources', 'pg_query'), { query: trimmed }).trim());
  const describe = { columns: trustedFragment('*'), relation };
  try {
    await wire.fields(fillSql(readSqlFile('sources', 'pg_prepare'), { query }));
    await wire.rows(readSqlFile('sources', 'pg_deallocate'));
    const fields = await wire.fields(fillSql(readSqlFile('sources', 'pg_describe'), describe));
    const found = fields.map(({ name }) => name);
    const columns = new Set(chosen(wanted, found));
    const kept = fields.filter(({ name }) => columns.has(name));
    assertNames(
      kept.map(({ name }) => name),
      place,
    );
    return { kind: 'query', relation, columns: await withTypes(wire, kept, new Set()), canSeeLateRows: false };
  } catch (error) {
    throw await missingInQuery(wire, error, place);
  }
}

/**
 * What a table or a query is, within the open transaction. Rejects with code `CONFIG` (exit code 2) and the nearest names when a schema,
 * a table or a column is not there, and for names that a bronze table cannot have.
 */
export async function describeSource(wanted: Wanted): Promise<ServerSource> {
  const { from } = wanted;
  return 'query' in from ? describeQuery(wanted, from.query) : describeTable(wanted, from);
}
