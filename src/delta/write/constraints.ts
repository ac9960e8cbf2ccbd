import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { Metadata } from '../protocol/actions.js';
import { forbiddenNulls } from '../protocol/nested-nulls.js';
import { type DeltaField, type DeltaSchema, duckdbType } from '../protocol/schema.js';
import { sparkToDuckdb, unsharedPart } from '../protocol/spark-expression.js';
import { nodesOf, parseExpression } from './expression.js';

const CONSTRAINT = 'delta.constraints.';
const INVARIANTS = 'delta.invariants';
const GENERATION = 'delta.generationExpression';

/** What must hold for every row of a table. */
export interface Constraint {
  /** For people: `CHECK positive`, `NOT NULL inside st`. */
  readonly name: string;
  /** As the table has it. */
  readonly text: string;
  /** True where a row is as it must be; NULL is not. */
  readonly sql: SqlFragment;
}

type Constrained = { readonly schema: DeltaSchema; readonly metadata: Pick<Metadata, 'configuration'> };

/**
 * An expression of the table as DuckDB runs it. Throws `DELTA_UNSUPPORTED` for one that DuckDB may read otherwise than Spark: a
 * constraint that cannot be checked surely must not be passed over.
 */
async function tableExpression(session: Session, text: string, what: string): Promise<SqlFragment> {
  const refuse = (reason: string, cause?: unknown) =>
    new LakeError(
      'DELTA_UNSUPPORTED',
      `${what} cannot be checked here (${reason}), so the table cannot be written: ${text}`,
      {
        hint: 'write the table with Spark, or change the expression to comparisons, arithmetic and common functions',
        cause,
      },
    );
  const converted = sparkToDuckdb(text);
  if (converted === undefined) throw refuse('a string in it has a backslash');
  try {
    const { sql, tree } = await parseExpression(session, converted, what);
    const unshared = unsharedPart(nodesOf(tree));
    if (unshared !== undefined) throw refuse(`it has ${unshared}`);
    return sql;
  } catch (error) {
    if (error instanceof LakeError && error.code === 'USAGE') throw refuse(error.message, error);
    throw error;
  }
}

/** Names that are no columns of the table: DuckDB may take them for something else, such as `current_date`. */
async function findForeignName(session: Session, { schema }: Constrained, { sql, name }: Constraint) {
  const { tree } = await parseExpression(session, sql, name);
  const known = new Set(schema.fields.map((field) => field.name.toLowerCase()));
  const names = [...nodesOf(tree)].flatMap((node) => (node.class === 'COLUMN_REF' ? [node['column_names']] : []));
  return names
    .map((parts) => String((parts as readonly unknown[])[0]))
    .find((first) => !known.has(first.toLowerCase()));
}

/** Whether an expression fits the columns is found out by running it over no row. */
async function assertBinds(session: Session, table: Constrained, constraint: Constraint): Promise<void> {
  const refuse = (hint: string, cause?: unknown) =>
    new LakeError(
      'DELTA_UNSUPPORTED',
      `${constraint.name} cannot be checked here, so the table cannot be written: ${constraint.text}`,
      { hint, cause },
    );
  const columns = table.schema.fields.map((field) =>
    trustedFragment(`CAST(NULL AS ${duckdbType(field.type)}) AS ${identifier(field.name)}`),
  );
  const parts = { columns: joinFragments(columns, ', '), condition: constraint.sql };
  try {
    const foreign = await findForeignName(session, table, constraint);
    if (foreign !== undefined) throw refuse(`the table has no column "${foreign}"`);
    const { columns: found } = await session.query(fillSql(readSqlFile('delta', 'constraint_binds'), parts));
    if (found[0]?.type !== 'BOOLEAN') throw refuse(`it is of type ${found[0]?.type} and not a condition`);
  } catch (error) {
    // Text that is an expression by itself may be none in parentheses: DuckDB takes `10L` for a name given to 10.
    if (error instanceof LakeError && (error.code === 'SQL' || error.code === 'USAGE'))
      throw refuse(error.message, error);
    throw error;
  }
}

function invariantText(field: DeltaField): string | undefined {
  const value = field.metadata[INVARIANTS];
  if (value === undefined) return undefined;
  try {
    const text: unknown = JSON.parse(String(value))?.expression?.expression;
    if (typeof text === 'string') return text;
  } catch {
    // Told below, with the text.
  }
  throw new LakeError(
    'DELTA_UNSUPPORTED',
    `the invariant of column "${field.name}" is not understood: ${String(value)}`,
  );
}

function* fieldsOf(fields: readonly DeltaField[]): Generator<DeltaField> {
  for (const field of fields) {
    yield field;
    if (field.type.kind === 'struct') yield* fieldsOf(field.type.fields);
  }
}

/** The expression of a generated column, undefined for others. */
export function generationText(field: DeltaField): string | undefined {
  const text = field.metadata[GENERATION];
  return typeof text === 'string' ? text : undefined;
}

/** A generated column's value for a row. */
export async function generatedValue(session: Session, field: DeltaField, text: string): Promise<SqlFragment> {
  const sql = await tableExpression(session, text, `the generated column "${field.name}"`);
  return trustedFragment(`CAST(${sql} AS ${duckdbType(field.type)})`);
}

/** What a row that does not name a column gets in it, undefined for NULL (PROTOCOL.md, "Default Columns"). */
export async function defaultValue(session: Session, field: DeltaField): Promise<SqlFragment | undefined> {
  const text = field.metadata['CURRENT_DEFAULT'];
  if (typeof text !== 'string') return undefined;
  const sql = await tableExpression(session, text, `the default of column "${field.name}"`);
  return trustedFragment(`CAST(${sql} AS ${duckdbType(field.type)})`);
}

/** One CHECK constraint as it would be in the table; `text` is Spark SQL. */
export async function checkConstraint(
  session: Session,
  table: Constrained,
  given: { name: string; text: string },
): Promise<Constraint> {
  const name = `the constraint ${given.name}`;
  const constraint = { name, text: given.text, sql: await tableExpression(session, given.text, name) };
  await assertBinds(session, table, constraint);
  return constraint;
}

/**
 * Everything that rows of a table must keep to, but for NOT NULL of top-level columns: CHECK constraints, column invariants,
 * generated columns, and NOT NULL inside structs, arrays and maps. Throws `DELTA_UNSUPPORTED` for what cannot be checked.
 */
export async function tableConstraints(session: Session, table: Constrained): Promise<readonly Constraint[]> {
  const found: Constraint[] = [];
  for (const [key, text] of Object.entries(table.metadata.configuration)) {
    if (!key.startsWith(CONSTRAINT)) continue;
    found.push(await checkConstraint(session, table, { name: key.slice(CONSTRAINT.length), text }));
  }
  for (const field of fieldsOf(table.schema.fields)) {
    const text = invariantText(field);
    if (text === undefined) continue;
    const name = `the invariant of column "${field.name}"`;
    const constraint = { name, text, sql: await tableExpression(session, text, name) };
    await assertBinds(session, table, constraint);
    found.push(constraint);
  }
  for (const field of table.schema.fields) {
    const nulls = forbiddenNulls(identifier(field.name), field.type);
    if (nulls !== undefined) {
      const name = `NOT NULL inside column "${field.name}"`;
      found.push({ name, text: name, sql: trustedFragment(`NOT coalesce(${nulls}, false)`) });
    }
    const text = generationText(field);
    if (text === undefined) continue;
    const value = await generatedValue(session, field, text);
    const sql = trustedFragment(`${identifier(field.name)} IS NOT DISTINCT FROM ${value}`);
    const constraint = { name: `the generated column "${field.name}"`, text, sql };
    await assertBinds(session, table, constraint);
    found.push(constraint);
  }
  return found;
}

/** Throws `DELTA_CONSTRAINT` (exit 1) with the number of rows of `relation` that break a constraint, and one of them. */
export async function assertConstraints(
  session: Session,
  constraints: readonly Constraint[],
  { relation, place }: { readonly relation: SqlFragment; readonly place: string },
): Promise<void> {
  if (constraints.length === 0) return;
  const counts = constraints.map(({ sql }, i) =>
    trustedFragment(`count(*) FILTER (WHERE NOT coalesce(${sql}, false)) AS c${i}`),
  );
  const count = fillSql(readSqlFile('delta', 'constraint_count'), { counts: joinFragments(counts, ', '), relation });
  const [row] = await session.rows(count);
  for (const [i, constraint] of constraints.entries()) {
    const rows = Number(row?.[`c${i}`] ?? 0);
    if (rows === 0) continue;
    const sample = fillSql(readSqlFile('delta', 'constraint_sample'), { relation, condition: constraint.sql });
    const [broken] = await session.rows(sample);
    const text = constraint.text === constraint.name ? '' : ` (${constraint.text})`;
    throw new LakeError(
      'DELTA_CONSTRAINT',
      `${rows} ${rows === 1 ? 'row breaks' : 'rows break'} ${constraint.name}${text}; nothing was written`,
      {
        place,
        exitCode: 1,
        hint: `one of them: ${String(broken?.['sample'] ?? '').slice(0, 500)}`,
      },
    );
  }
}
