import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { parseTableName } from '../table-facts.js';
import { TABLE_ARGUMENT } from '../table-target.js';
import { withLake } from '../with-lake.js';

export const tableHistoryCommand = defineCommand({
  path: ['table', 'history'],
  summary: 'The commits of a Delta table, newest first',
  arguments: { table: TABLE_ARGUMENT },
  options: { limit: { type: 'integer', value: 'N', min: 1, describe: 'At most this many' } },
  examples: [
    { command: 'lakeledger table history metadata.ingestion_manifest', comment: 'who changed what, and when' },
    { command: 'lakeledger table history metadata.ingestion_event --limit 1 -o json', comment: 'the last commit' },
  ],
  async run(invocation) {
    const { name } = parseTableName(invocation.arguments.table);
    const entries = await withLake(invocation, async (lake) => {
      const table = lake.table(name);
      // Says what is wrong with a table that cannot be read, or is not there, instead of showing nothing.
      await table.snapshot();
      return table.history(invocation.options.limit);
    });
    const columns = ['version', 'timestamp', 'operation', 'parameters', 'metrics', 'engine'];
    await writeRows(invocation, rowsOf(entries, columns));
    return EXIT.ok;
  },
});
