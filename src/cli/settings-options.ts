import type { OptionSpecs } from './option-spec.js';

/** The flags of single commands that the configuration file knows too; `doctor` shows who decides them. */
export const settingsOptions = {
  strict: {
    type: 'flag',
    describe: 'One rejected manifest fails the run before anything is written',
    config: 'strict',
  },
  'batch-size': { type: 'integer', value: 'N', min: 1, describe: 'Manifests per commit', config: 'batch_size' },
  key: {
    type: 'text',
    value: 'KEY',
    describe: 'What identifies a row: file_sha, or source_repo,file_path,file_sha',
    config: 'key',
  },
  'merge-sql': {
    type: 'text',
    value: 'FILE',
    describe: 'A MERGE statement that replaces the built-in one',
    config: 'merge_sql',
    isPath: true,
  },
  checks: {
    type: 'text',
    value: 'DIR',
    describe: 'Folder with checks of your own, beside the built-in ones',
    config: 'checks.folder',
    isPath: true,
  },
  'fail-on': {
    type: 'text',
    choices: ['error', 'warn', 'never'],
    describe: 'The level from which the exit code is 1',
    default: 'error',
    config: 'checks.fail_on',
  },
} as const satisfies OptionSpecs;
