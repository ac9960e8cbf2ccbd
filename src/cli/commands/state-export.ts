import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { withLakeState } from '../lake-state.js';
import { withSink } from '../results.js';

export const stateExportCommand = defineCommand({
  path: ['state', 'export'],
  summary: 'Write the state of ingestion as JSON: every event, for a backup or another lake',
  formats: ['json'],
  ownFormat: 'json',
  arguments: { file: { describe: 'Where to (default: standard output)' } },
  options: {},
  examples: [
    { command: 'lakeledger state export state.json', comment: 'a backup' },
    { command: 'lakeledger state export', comment: 'to standard output' },
  ],
  async run(invocation) {
    const { file } = invocation.arguments;
    const targets = file === undefined || file === '-' ? invocation.outputs : [{ format: 'json', file }];
    await withLakeState(invocation, async (state) => {
      for (const target of targets) {
        await withSink(invocation, target, async (sink) => {
          for await (const text of state.export()) {
            if (sink.closed) return;
            await sink.write(text);
          }
        });
        if (target.file !== undefined) invocation.log.note(`the state is in ${target.file}`);
      }
    });
    return EXIT.ok;
  },
});
