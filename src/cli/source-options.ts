import type { ArgumentSpec, OptionSpecs } from './option-spec.js';

/** The flags of every command that works on files: which ones, and how to read them. */
export const sourceOptions = {
  file: { type: 'list', value: 'GLOB', describe: 'Files, folders or globs instead of configured sources' },
  into: { type: 'text', value: 'SCHEMA.TABLE', describe: 'Where the files of --file go' },
  transform: { type: 'text', value: 'FILE.sql', describe: 'A SELECT over the table "source" that makes the rows' },
  param: { type: 'list', value: 'NAME=VALUE', describe: 'Value of $NAME in the transform' },
  'on-correction': {
    type: 'text',
    choices: ['append', 'replace', 'hold'],
    describe: 'New bytes at a known path: beside its rows, in place of them, or wait for a person',
  },
  'row-key': {
    type: 'text',
    value: 'COLUMNS',
    describe: 'Columns that identify a row, for the row diff of a correction',
  },
  format: { type: 'text', choices: ['auto', 'csv', 'json', 'parquet'], describe: 'What the files are' },
  delimiter: { type: 'text', value: 'CHAR', describe: 'Between the values of a CSV line; \\t is a tab' },
  encoding: { type: 'text', value: 'NAME', describe: 'Encoding of text files, e.g. windows-1252' },
  skip: { type: 'integer', value: 'N', min: 0, describe: 'Lines before the header of CSV files' },
  records: { type: 'text', value: 'PATH', describe: 'Where the records of JSON documents are: rounds[].matches[]' },
  contract: {
    type: 'text',
    choices: ['evolve', 'freeze', 'rescue', 'discard_row'],
    describe: 'What happens to new columns and to values of another type',
  },
  'business-date': { type: 'text', value: 'PATTERN', describe: 'Where the path has its date: orders-{yyyyMMdd}.csv' },
} as const satisfies OptionSpecs;

export const SOURCE_ARGUMENT = {
  describe: 'Names of configured sources (default: all that are enabled)',
  many: true,
} as const satisfies ArgumentSpec;

/** What `ingest` and `plan` take beside that. */
export const runOptions = {
  date: {
    type: 'text',
    value: 'DATE',
    describe: 'The business date of the run: 2026-03-31, today, yesterday, -3d, or next (gaps first)',
  },
  'full-refresh': {
    type: 'flag',
    describe: 'Load every file again, in place of its rows; read tables from the beginning',
  },
  rerun: { type: 'flag', describe: 'Run although the date has succeeded' },
  'max-files': { type: 'integer', value: 'N', min: 1, describe: 'Load at most N files; the next run goes on' },
} as const satisfies OptionSpecs;
