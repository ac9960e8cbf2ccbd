import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DeltaSchema } from '../../src/delta/index.js';
import { serializeSchema } from '../../src/delta/protocol/schema.js';
import type { Session } from '../../src/duckdb/session.js';
import { columns, sql } from '../support/delta.js';

/** Columns by name; a type of DuckDB, with `NOT NULL` behind it where it is meant. */
export type Columns = Readonly<Record<string, string>>;

/** Expressions that DuckDB, Spark and DataFusion understand in the same way; names are quoted with `"`. */
type Expressions = Readonly<Record<string, string>>;

export interface MatchedClause {
  readonly and?: string;
  readonly set?: Expressions | '*';
  readonly delete?: true;
}

interface InsertClause {
  readonly and?: string;
  readonly set: Expressions | '*';
}

export interface MergeStep {
  readonly do: 'merge';
  /** A SELECT of DuckDB; the other engines get its rows as a Parquet file. */
  readonly rows: string;
  /** Over the aliases `target` and `source`. */
  readonly on: string;
  readonly matched?: readonly MatchedClause[];
  readonly notMatched?: readonly InsertClause[];
  readonly notMatchedBySource?: readonly MatchedClause[];
}

/** One thing done to a table, in words that every engine has. */
export type Step =
  | {
      readonly do: 'append';
      readonly rows: string;
      readonly mergeSchema?: true;
      readonly txn?: { readonly appId: string; readonly version: number };
    }
  | { readonly do: 'overwrite'; readonly rows: string; readonly where?: string; readonly overwriteSchema?: true }
  | { readonly do: 'delete'; readonly where?: string }
  | { readonly do: 'update'; readonly set: Expressions; readonly where?: string }
  | MergeStep
  | { readonly do: 'addColumns'; readonly columns: Columns }
  | { readonly do: 'rename'; readonly column: string; readonly to: string }
  | { readonly do: 'drop'; readonly column: string }
  | { readonly do: 'widen'; readonly column: string; readonly type: string }
  | { readonly do: 'constraint'; readonly name: string; readonly check: string }
  | { readonly do: 'properties'; readonly set: Readonly<Record<string, string>> }
  /** Back to the state after the step of that number; 0 is the creation. */
  | { readonly do: 'restore'; readonly step: number }
  | { readonly do: 'optimize' | 'vacuum' | 'checkpoint' }
  /** The commits before the newest checkpoint go, as a log clean-up would have it. */
  | { readonly do: 'forget' }
  /** A statement that only Spark knows; `{table}` stands for the table. */
  | { readonly do: 'sql'; readonly text: string };

export interface CreateStep {
  readonly do: 'create';
  readonly columns: Columns;
  readonly partitionBy?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
}

const NOT_NULL = / NOT NULL$/;

export function schemaOf(spec: Columns): DeltaSchema {
  const plain = Object.fromEntries(Object.entries(spec).map(([name, type]) => [name, type.replace(NOT_NULL, '')]));
  const schema = columns(plain);
  const fields = schema.fields.map((field) => ({ ...field, nullable: !NOT_NULL.test(spec[field.name]!) }));
  return { ...schema, fields };
}

function schemaJson(spec: Columns): unknown {
  return JSON.parse(serializeSchema(schemaOf(spec)));
}

export interface StepContext {
  readonly session: Session;
  /** Where the rows of a step go for another engine. */
  readonly file: string;
  /** The version after each step so far. */
  readonly marks: readonly number[];
}

/** A step as the workers take it: rows as a Parquet file, columns as a Delta schema, a step as its version. */
export async function wireStep(
  step: Step | CreateStep,
  context: StepContext,
): Promise<Readonly<Record<string, unknown>>> {
  if ('rows' in step) {
    const { rows, ...rest } = step;
    await context.session.run(sql(`COPY (${rows}) TO '${context.file}' (FORMAT parquet)`));
    return { ...rest, file: context.file };
  }
  switch (step.do) {
    case 'create': {
      const { columns: spec, ...rest } = step;
      return { ...rest, schema: schemaJson(spec) };
    }
    case 'addColumns':
      return { do: step.do, schema: schemaJson(step.columns) };
    case 'widen':
      return { ...step, schema: schemaJson({ [step.column]: step.type }) };
    case 'restore':
      return { do: step.do, version: context.marks[step.step] };
    default:
      return step;
  }
}

/** Deletes the commits that the newest checkpoint stands for. */
export function forgetOldLog(folder: string): void {
  const log = join(folder, '_delta_log');
  const names = readdirSync(log);
  const newest = Math.max(
    ...names.flatMap((name) => (name.includes('.checkpoint.') ? [Number.parseInt(name, 10)] : [])),
  );
  for (const name of names) {
    if (/^\d{20}\.(json|crc)$/.test(name) && Number.parseInt(name, 10) <= newest) rmSync(join(log, name));
  }
}
