import { readFile } from 'node:fs/promises';
import { EXIT, messageOf, usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { withLakeState } from '../lake-state.js';
import { readStdin } from '../read-stdin.js';
import { fieldLines, writeObject } from '../results.js';

export const stateImportCommand = defineCommand({
  path: ['state', 'import'],
  summary: 'Record the events of a state file in the ledger; what it knows already changes nothing',
  arguments: { file: { describe: 'A file that "state export" wrote, or - for standard input', required: true } },
  options: {
    'dry-run': { type: 'flag', describe: 'Say how many events are new, write nothing' },
  },
  examples: [
    { command: 'lakeledger state export | lakeledger state import - --dry-run', comment: 'what it would record' },
    { command: 'lakeledger state export | lakeledger state import -', comment: 'nothing: a lake knows its own state' },
  ],
  async run(invocation) {
    const { file } = invocation.arguments;
    const text = file === '-' ? await readStdin(invocation.io) : await readText(file);
    const dryRun = invocation.options['dry-run'];
    const result = await withLakeState(invocation, (state) => state.import(text, { dryRun }));
    const { events, recorded, known } = result;
    await writeObject(invocation, {
      value: result,
      text: (style) =>
        fieldLines(
          {
            'events in the file': events,
            [dryRun ? 'would be recorded' : 'recorded']: recorded,
            'known already': known,
            ...(dryRun ? { 'dry run': 'nothing was written' } : {}),
          },
          style,
        ),
    });
    return EXIT.ok;
  },
});

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw usageError(`cannot read the state: ${messageOf(error)}`, { place: file, cause: error });
  }
}
