import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, messageOf, usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { configTemplate } from '../config-template.js';
import { CONFIG_NAMES } from '../find-config.js';
import { ledgerKey } from '../ledger-key.js';
import { writeObject } from '../results.js';
import { settingsOptions } from '../settings-options.js';
import { withLake } from '../with-lake.js';

export const initCommand = defineCommand({
  path: ['init'],
  summary: 'Create a lake with its tables',
  arguments: { lake: { describe: 'The folder (default: --lake)' } },
  options: {
    key: settingsOptions.key,
    'with-config': { type: 'flag', describe: `Also write a commented ${CONFIG_NAMES[0]} in the working folder` },
  },
  examples: [
    { command: 'lakeledger init', comment: 'in ./lake' },
    { command: 'lakeledger init data/lake --with-config', comment: 'and remember the place in lakeledger.yaml' },
  ],
  async run(invocation) {
    const { arguments: args, options, io } = invocation;
    const root = args.lake ?? options.lake;
    const key = options.key === undefined ? undefined : ledgerKey(options.key);
    // First, because it refuses to replace a file: nothing is left half done then.
    const config = options['with-config']
      ? await writeConfig(join(io.cwd, CONFIG_NAMES[0]), configTemplate(root, key))
      : undefined;
    const { created } = await withLake(invocation, (lake) => lake.init(), {
      root,
      ...(key === undefined ? {} : { key }),
    });
    await writeObject(invocation, {
      value: { lake: root, created, ...(config === undefined ? {} : { config }) },
      text: () =>
        [
          created.length === 0 ? `${root} is a lake already` : `created ${root}`,
          ...created.map((name) => `  ${name}`),
          ...(config === undefined ? [] : [`wrote ${config}`]),
          '',
        ].join('\n'),
    });
    return EXIT.ok;
  },
});

async function writeConfig(file: string, text: string): Promise<string> {
  try {
    await writeFile(file, text, { flag: 'wx' });
    return file;
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw usageError(exists ? 'there is a configuration file already' : `cannot write: ${messageOf(error)}`, {
      place: file,
      ...(exists ? { hint: 'lakeledger init without --with-config' } : {}),
      cause: error,
    });
  }
}
