import type { OptionSpecs } from './option-spec.js';

export const ROW_FORMATS = ['table', 'json', 'ndjson', 'csv', 'markdown'] as const;

/** The flags that every command takes. */
export const globalOptions = {
  lake: {
    type: 'text',
    value: 'DIR',
    describe: 'The folder that holds the lake',
    default: './lake',
    config: 'lake',
    isPath: true,
  },
  config: { type: 'text', value: 'FILE', describe: 'Configuration file (default: lakeledger.yaml here or above)' },
  output: {
    type: 'list',
    alias: 'o',
    value: 'FORMAT',
    describe: 'FORMAT, or FORMAT=FILE to write a file',
    config: 'output',
  },
  quiet: { type: 'flag', alias: 'q', describe: 'No progress and no notes on stderr, only errors' },
  verbose: { type: 'flag', alias: 'v', describe: 'More on stderr; the stack of an error' },
  'log-format': {
    type: 'text',
    choices: ['text', 'json'],
    describe: 'Form of the messages on stderr',
    default: 'text',
    config: 'log_format',
  },
  'no-color': { type: 'flag', describe: 'No colours (also NO_COLOR=1)' },
  yes: { type: 'flag', describe: 'Answer every question with yes' },
  progress: {
    type: 'text',
    choices: ['auto', 'bar', 'log', 'none'],
    describe: 'Progress on stderr: bars that are redrawn, lines, nothing',
    default: 'auto',
    config: 'progress',
  },
} as const satisfies OptionSpecs;

export type GlobalOptions = typeof globalOptions;
