import { usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { SOURCE_ARGUMENT, sourceOptions } from '../source-options.js';

export const retryCommand = defineCommand({
  path: ['retry'],
  summary: 'Try failed files again: those whose time has come, the dead letters, or all',
  arguments: { sources: SOURCE_ARGUMENT },
  options: {
    ...sourceOptions,
    all: { type: 'flag', describe: 'Every failed file, without waiting for its time' },
    'dead-letter': { type: 'flag', describe: 'Also files whose tries are used up' },
    'dry-run': { type: 'flag', describe: 'Say what would happen, write nothing' },
    'take-over': { type: 'flag', describe: 'Go on although another run seems to be at it' },
  },
  examples: [
    { command: 'lakeledger retry', comment: 'failed files whose next try is due' },
    { command: 'lakeledger retry orders --dead-letter', comment: 'those that were given up, too' },
  ],
  async run(invocation) {
    const { options } = invocation;
    if (options.all && options['dead-letter']) throw usageError('either --all or --dead-letter, not both');
    const { selectSources } = await import('../select-sources.js');
    const { withIngestLake } = await import('../run-ingest.js');
    const { reportIngest } = await import('../ingest-report.js');
    const sources = await selectSources(invocation, invocation.arguments.sources);
    const retryNow = options['dead-letter'] ? 'dead_letter' : options.all ? 'all' : 'due';
    const result = await withIngestLake(invocation, (lake, hooks) =>
      lake.ingest({ sources, retryNow, ...hooks, dryRun: options['dry-run'], takeOver: options['take-over'] }),
    );
    return reportIngest(invocation, result);
  },
});
