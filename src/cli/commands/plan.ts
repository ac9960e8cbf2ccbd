import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { runOptions, SOURCE_ARGUMENT, sourceOptions } from '../source-options.js';

export const planCommand = defineCommand({
  path: ['plan'],
  summary: 'Say what ingest would do with each file and table, and why; write nothing',
  arguments: { sources: SOURCE_ARGUMENT },
  options: { ...sourceOptions, ...runOptions },
  examples: [
    { command: 'lakeledger plan', comment: 'decision, rule and reason of every file' },
    { command: "lakeledger plan --file 'data/*.csv' --into bronze.orders -o json", comment: 'with the evidence' },
  ],
  async run(invocation) {
    const { selectSources } = await import('../select-sources.js');
    const { ingestRequest, withIngestLake } = await import('../run-ingest.js');
    const { reportPlan } = await import('../ingest-report.js');
    const sources = await selectSources(invocation, invocation.arguments.sources);
    const plan = await withIngestLake(invocation, async (lake, hooks) =>
      lake.plan({ ...(await ingestRequest(invocation, sources, lake)), ...hooks }),
    );
    await reportPlan(invocation, plan);
    return EXIT.ok;
  },
});
