import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { tableFacts } from '../table-facts.js';
import { withLake } from '../with-lake.js';

export const tableListCommand = defineCommand({
  path: ['table', 'list'],
  summary: 'The tables of the lake',
  arguments: {},
  options: {},
  examples: [
    { command: 'lakeledger table list', comment: 'versions, files, rows and bytes' },
    { command: 'lakeledger table list -o json', comment: 'for a script' },
  ],
  async run(invocation) {
    const rows = await withLake(invocation, async (lake) => {
      const names = await lake.catalog.names();
      return Promise.all(
        names.map(async (name) => {
          const { version, files, rows, bytes } = tableFacts(await lake.table(name).snapshot());
          return { table: name, version, files, rows, bytes };
        }),
      );
    });
    await writeRows(invocation, rowsOf(rows, ['table', 'version', 'files', 'rows', 'bytes']));
    return EXIT.ok;
  },
});
