import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { writeObject } from '../results.js';
import { TABLE_ARGUMENT, writableTable } from '../table-target.js';
import { withLake } from '../with-lake.js';

export const tableCheckpointCommand = defineCommand({
  path: ['table', 'checkpoint'],
  summary: 'Write a checkpoint of a Delta table, so that it opens faster',
  arguments: { table: TABLE_ARGUMENT },
  options: {},
  examples: [
    { command: 'lakeledger table checkpoint metadata.ingestion_event', comment: 'of the newest version' },
    { command: 'lakeledger table checkpoint ./lake/metadata/ingestion_manifest -o json', comment: 'by its folder' },
  ],
  async run(invocation) {
    const { path, version } = await withLake(invocation, async (lake) => {
      const { table } = writableTable(lake, invocation.arguments.table);
      return { path: table.path, version: await table.checkpoint() };
    });
    await writeObject(invocation, {
      value: { path, version },
      text: () => `checkpoint of ${path}@${version}\n`,
    });
    return EXIT.ok;
  },
});
