import { systemClock } from '../../base/clock.js';
import { EXIT, usageError } from '../../base/lake-error.js';
import { userName } from '../../base/user-name.js';
import { defineCommand } from '../command.js';
import { fieldLines, writeObject } from '../results.js';
import { DATASET_ARGUMENT, historyDeps, parseSchemaVersion, versionFacts } from '../schema-target.js';
import { withLake } from '../with-lake.js';

export const schemaAcceptCommand = defineCommand({
  path: ['schema', 'accept'],
  summary: 'Accept a layout that a "freeze" contract stopped; "retry --all" then loads its files',
  arguments: {
    dataset: DATASET_ARGUMENT,
    version: { describe: 'Default: the newest that waits' },
  },
  options: { reason: { type: 'text', value: 'TEXT', describe: 'Why; kept in the schema history' } },
  examples: [
    { command: 'lakeledger schema accept bronze.stock 2 --reason "agreed with the publisher"', comment: 'this one' },
    { command: 'lakeledger schema accept bronze.stock --reason "new column"', comment: 'the newest that waits' },
  ],
  async run(invocation) {
    const { dataset } = invocation.arguments;
    const version = parseSchemaVersion(invocation.arguments.version);
    const { reason } = invocation.options;
    if (reason === undefined || reason.trim() === '') {
      throw usageError('lakeledger schema accept needs --reason', { hint: schemaAcceptCommand.examples[0].command });
    }
    const accepted = await withLake(invocation, async (lake) => {
      const { acceptSchema } = await import('../../ingest/schema/index.js');
      const deps = { ...(await historyDeps(lake)), clock: systemClock };
      const request = { dataset, reason, actor: userName(), ...(version === undefined ? {} : { version }) };
      return acceptSchema(deps, request);
    });
    const facts = versionFacts(accepted);
    await writeObject(invocation, { value: facts, text: (style) => fieldLines(facts, style) });
    return EXIT.ok;
  },
});
