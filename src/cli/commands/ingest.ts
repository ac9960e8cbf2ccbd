import { defineCommand } from '../command.js';
import { runOptions, SOURCE_ARGUMENT, sourceOptions } from '../source-options.js';

export const ingestCommand = defineCommand({
  path: ['ingest'],
  summary: 'Load new, changed and due files, and tables of databases, each exactly once',
  arguments: { sources: SOURCE_ARGUMENT },
  options: {
    ...sourceOptions,
    ...runOptions,
    'keep-raw': { type: 'flag', describe: 'Keep a copy of the bytes in the lake' },
    jobs: {
      type: 'integer',
      value: 'N',
      min: 1,
      describe: 'Sources that are worked on at the same time (default 4)',
      config: 'jobs',
    },
    'dry-run': { type: 'flag', describe: 'Say what would happen, write nothing' },
    'run-id': { type: 'text', value: 'ID', describe: 'Id of the run in the ledger (default: a new UUID)' },
    'take-over': { type: 'flag', describe: 'Go on although another run seems to be at it' },
  },
  examples: [
    { command: 'lakeledger ingest', comment: 'every source of lakeledger.yaml; again: nothing to do' },
    { command: "lakeledger ingest --file 'data/*.csv' --into bronze.orders", comment: 'without a configuration' },
  ],
  async run(invocation) {
    const { options } = invocation;
    const { selectSources } = await import('../select-sources.js');
    const { ingestRequest, withIngestLake } = await import('../run-ingest.js');
    const { reportIngest } = await import('../ingest-report.js');
    const sources = await selectSources(invocation, invocation.arguments.sources);
    const result = await withIngestLake(invocation, async (lake, hooks) =>
      lake.ingest({
        ...(await ingestRequest(invocation, sources, lake)),
        ...hooks,
        ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
        dryRun: options['dry-run'],
        takeOver: options['take-over'],
        ...(options['keep-raw'] ? { keepRaw: true } : {}),
        ...(options['run-id'] === undefined ? {} : { runId: options['run-id'] }),
      }),
    );
    return reportIngest(invocation, result);
  },
});
