import { z } from 'zod';
import { messageOf } from '../../base/lake-error.js';
import { businessDateReader } from '../../sources/arrivals/business-date.js';
import { dateSourceShape } from './dates-schema.js';
import { durationSchema as duration } from './duration.js';
import { tableProblems, tableShape } from './table-schema.js';

/** Schemas for the ledger itself and nobody else. */
const RESERVED_SCHEMA = 'metadata';

const SOURCE_NAME = /^[A-Za-z0-9_][\w.-]*$/;
const TARGET_NAME = /^[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*$/;
/** What a column of a Delta table can be, as DuckDB calls it. */
const COLUMN_TYPE =
  /^(BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|VARCHAR|DATE|TIMESTAMP|TIMESTAMPTZ|BLOB|DECIMAL\(\s*([1-9]|[12]\d|3[0-8])\s*,\s*\d{1,2}\s*\))$/i;

const text = z.string().trim().min(1, { error: 'must not be empty' });
const textList = z.union([text, z.array(text).min(1, { error: 'must not be empty' })]);
const oneCharacter = z.string().regex(/^[\t -~]$/, { error: 'must be one ASCII character ("\\t" for a tab)' });
const quoteCharacter = z.string().regex(/^[\t -~]?$/, { error: 'must be one ASCII character, or "" for none' });
const contractMode = z.enum(['evolve', 'freeze', 'rescue', 'discard_row']);
const formatName = z.enum(['auto', 'csv', 'json', 'parquet']);

const formatSchema = z
  .strictObject({
    type: formatName.describe('What the files are; auto looks at name and bytes'),
    delimiter: oneCharacter.describe('Between the values of a CSV line; found out unless given'),
    quote: quoteCharacter.describe('Around a CSV value; "" when quotes mean nothing'),
    escape: oneCharacter.describe('Before a quote inside a quoted CSV value'),
    header: z.boolean().describe('Whether the first CSV line has the names'),
    encoding: text.describe('auto, utf-8, utf-16le, windows-1252, latin1 or any other label of the WHATWG standard'),
    skip: z.int().min(0).describe('Lines before the CSV header'),
    null_values: z.array(z.string()).describe('CSV values that mean "no value"'),
    records: text.describe('Where the records of a JSON document are, for example rounds[].matches[]'),
  })
  .partial();

const contractSchema = z
  .strictObject({
    columns: contractMode.describe('A column that the table does not have'),
    types: contractMode.describe('A value that does not fit the type of its column'),
  })
  .partial();

const expectationSchema = z.strictObject({
  name: text.describe('Its name in messages and in metadata.reject'),
  expect: text.describe('A SQL condition over a row of the target; a row for which it is false breaks it'),
  action: z
    .enum(['warn', 'quarantine', 'fail'])
    .optional()
    .describe('warn counts, quarantine rejects the row, fail fails the file (default warn)'),
});

const retrySchema = z
  .strictObject({
    attempts: z.int().min(1).max(100).describe('Tries of the same bytes before they are a dead letter (default 3)'),
    delay: duration.describe('Before the second try; doubled for each further one (default 1s)'),
    max_delay: duration.describe('Longest wait between two tries (default 1h)'),
  })
  .partial();

const arrivalSchema = z
  .strictObject({
    min_age: duration.describe('A younger file has not arrived yet'),
    stable_for: duration.describe('A file whose size changes within this time has not arrived yet'),
    done_file: text.describe('A file has arrived when this one exists: {path}.done, or a name in its folder'),
    temporary_suffixes: z.array(text).describe('Names that end so are never taken'),
  })
  .partial();

/** One entry of `sources:` in the configuration file. */
export const sourceSchema = z
  .strictObject({
    path: textList
      .optional()
      .describe('Files, folders or globs, relative to the configuration file or the SFTP folder'),
    connection: text.optional().describe('The connection that it is read through, of `connections:`'),
    ...tableShape,
    ...dateSourceShape,
    exclude: textList.optional().describe('Globs of files to leave out'),
    into: z
      .string()
      .refine((value) => targetProblem(value) === undefined, {
        error: (issue) => targetProblem(String(issue.input)) ?? '',
      })
      .optional()
      .describe('The target table, schema.table (default for tables: bronze.<connection>_<table>)'),
    format: z
      .union([formatName, formatSchema])
      .optional()
      .describe('csv, json, parquet, auto (default), or with options'),
    key: textList.optional().describe('Columns that identify a row: for the row diff of a correction'),
    contract: z
      .union([contractMode, contractSchema])
      .optional()
      .describe('What happens to new columns and types (default: columns evolve, types rescue)'),
    columns: z
      .record(
        text,
        z.string().regex(COLUMN_TYPE, {
          error: 'must be a type like VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), BOOLEAN, DATE, TIMESTAMP, TIMESTAMPTZ',
        }),
      )
      .optional()
      .describe('Types of columns, by name; the others are found out'),
    expectations: z
      .array(expectationSchema)
      .refine((list) => new Set(list.map((one) => one.name)).size === list.length, { error: 'two have the same name' })
      .optional()
      .describe('Conditions on rows, judged before they are committed'),
    on_correction: z
      .enum(['append', 'replace', 'hold'])
      .optional()
      .describe('New bytes at a known path: in place of its rows (default), beside them, or wait for a person'),
    retry: retrySchema.optional().describe('How often and when a failed file is tried again'),
    keep_raw: z.boolean().optional().describe('Keep a copy of the bytes in the lake'),
    arrival: arrivalSchema.optional().describe('When a file counts as complete'),
    business_date: z
      .string()
      .refine((value) => businessDateProblem(value) === undefined, {
        error: (issue) => businessDateProblem(String(issue.input)) ?? '',
      })
      .optional()
      .describe('Where the path has the business date, for example orders-{yyyyMMdd}.csv'),
    order: z
      .enum(['path', 'modified'])
      .optional()
      .describe('Files are taken in the order of their path (default) or time'),
    transform: text.optional().describe('A file with a SELECT over `source`, relative to the configuration file'),
    params: z
      .record(
        z.string().regex(/^[A-Za-z_]\w*$/, { error: 'must be a name' }),
        z.union([z.string(), z.number(), z.boolean()]),
      )
      .optional()
      .describe('Values of the $named parameters of the transform'),
    max_rejected_rows: z.int().min(0).optional().describe('More rejected rows than this fail the file'),
    enabled: z.boolean().optional().describe('false: only ingested when it is named (default true)'),
    skip_if_success: z
      .boolean()
      .optional()
      .describe('A date that has succeeded is not run again (default true with a connection, else false)'),
  })
  .superRefine((source, context) => {
    const problems = tableProblems(source);
    if (source.params !== undefined && source.transform === undefined) {
      problems.push({ path: ['params'], message: 'needs a transform' });
    }
    for (const { path, message } of problems) context.addIssue({ code: 'custom', path: [...path], message });
  });

/** `sources:` of the configuration file. */
export const sourcesSchema = z.record(
  z.string().regex(SOURCE_NAME, { error: 'must be letters, digits, _, . and -' }),
  sourceSchema,
);

/** One entry of `sources:` as written. */
export type SourceConfig = z.infer<typeof sourceSchema>;

/** Why this cannot be the name of a source; undefined when it can. */
export function sourceNameProblem(name: string): string | undefined {
  return SOURCE_NAME.test(name) ? undefined : 'a name of a source has letters, digits, _, . and -';
}

/** Why this cannot be the name of a target table; undefined when it can. */
export function targetProblem(name: string): string | undefined {
  if (!TARGET_NAME.test(name)) return 'must be schema.table, for example bronze.orders';
  if (name.split('.')[0]?.toLowerCase() === RESERVED_SCHEMA) return `the schema ${RESERVED_SCHEMA} is the ledger's own`;
  return undefined;
}

/** Why a pattern cannot say where the business date is; undefined when it can. */
export function businessDateProblem(pattern: string): string | undefined {
  try {
    businessDateReader(pattern);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
