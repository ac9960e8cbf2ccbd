import { z } from 'zod';
import { durationSchema } from './duration.js';

const text = z.string().trim().min(1, { error: 'must not be empty' });

const watermarkSchema = z.strictObject({
  column: text.describe('A column that only grows: updated_at, id'),
  type: z.enum(['timestamp', 'integer']).optional().describe('What it holds (default timestamp)'),
  nulls: z
    .enum(['include', 'exclude', 'raise'])
    .optional()
    .describe('Rows without a value: read with each run (default), left out, or an error'),
  overlap: z
    .union([durationSchema, z.int().min(0)])
    .optional()
    .describe('Read again before the last value: 15m, or a number for integers (default 0)'),
});

/** What a source of `sources:` may say about a table of a database. */
export const tableShape = {
  table: text.optional().describe('A table or view of the database: schema.table (default schema public)'),
  query: text.optional().describe('One SELECT instead of a table'),
  name: text.optional().describe('What the query is called in the ledger (default: the name of the source)'),
  include_columns: z.array(text).min(1).optional().describe('Only these columns'),
  load: z
    .enum(['full', 'incremental'])
    .optional()
    .describe('The whole table with each run (default), or what is new since the last'),
  watermark: z.union([text, watermarkSchema]).optional().describe('How new rows are told; a column, or with options'),
  deletes: z
    .enum(['ignore', 'tombstone'])
    .optional()
    .describe('Keys that a full load does not have any more: nothing (default), or a row with _deleted'),
};

interface TableFields {
  readonly path?: unknown;
  readonly connection?: string | undefined;
  readonly into?: string | undefined;
  readonly table?: string | undefined;
  readonly query?: string | undefined;
  readonly name?: string | undefined;
  readonly include_columns?: readonly string[] | undefined;
  readonly load?: string | undefined;
  readonly watermark?: unknown;
  readonly deletes?: string | undefined;
  readonly key?: unknown;
}

interface FieldIssue {
  readonly path: readonly string[];
  readonly message: string;
}

/** Why the fields of a source do not go together. */
export function tableProblems(source: TableFields): FieldIssue[] {
  const problems: FieldIssue[] = [];
  const isTable = source.table !== undefined || source.query !== undefined;
  const refuse = (field: string, message: string) => problems.push({ path: [field], message });
  if (source.path === undefined && !isTable) refuse('path', 'is missing; or name a table or a query');
  if (source.path !== undefined && isTable) refuse('path', 'is for files; a source has files or a table');
  if (source.table !== undefined && source.query !== undefined) refuse('query', 'a source has a table or a query');
  if (isTable && source.connection === undefined) {
    refuse(source.table === undefined ? 'query' : 'table', 'needs a connection');
  }
  if (!isTable) {
    for (const field of ['name', 'include_columns', 'load', 'watermark', 'deletes'] as const) {
      if (source[field] !== undefined) refuse(field, 'is for a table or a query');
    }
    if (source.into === undefined && source.path !== undefined) refuse('into', 'is missing: the target, schema.table');
  }
  if (source.load === 'incremental' && source.watermark === undefined) refuse('load', 'incremental needs a watermark');
  if (source.load !== 'incremental' && source.watermark !== undefined) refuse('watermark', 'needs load: incremental');
  if (source.deletes === 'tombstone') {
    if (source.load === 'incremental') refuse('deletes', 'only a full load can see what is gone');
    if (source.key === undefined) refuse('deletes', 'tombstone needs a key');
  }
  return problems;
}

/** The schema and the name of a table as written: `orders`, `sales.orders`. */
export function tableParts(table: string): { readonly schema: string; readonly table: string } {
  const dot = table.indexOf('.');
  return dot < 0 ? { schema: 'public', table } : { schema: table.slice(0, dot), table: table.slice(dot + 1) };
}

/** The target of a source as written; that of a table is `bronze.<connection>_<table>` unless told. */
export function targetOf(
  name: string,
  {
    into,
    connection,
    table,
    name: entity,
  }: { readonly [K in 'into' | 'connection' | 'table' | 'name']?: string | undefined },
): string {
  if (into !== undefined) return into;
  const what = table === undefined ? (entity ?? name) : tableParts(table).table;
  return `bronze.${`${connection ?? name}_${what}`.replaceAll(/[^\w-]/g, '_')}`;
}
