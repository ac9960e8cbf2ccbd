import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { fileRows, parseTableName } from '../table-facts.js';
import { withLake } from '../with-lake.js';

export const tableFilesCommand = defineCommand({
  path: ['table', 'files'],
  summary: 'The data files of a Delta table',
  arguments: {
    table: {
      describe: 'A table of the lake or the folder of any Delta table, with @VERSION if not the newest',
      required: true,
    },
  },
  options: {},
  examples: [
    { command: 'lakeledger table files metadata.ingestion_manifest', comment: 'with rows, size and partition' },
    { command: 'lakeledger table files metadata.ingestion_event -o csv', comment: 'for a spreadsheet' },
  ],
  async run(invocation) {
    const { name, ...at } = parseTableName(invocation.arguments.table);
    const snapshot = await withLake(invocation, (lake) => lake.table(name).snapshot(at));
    const rows = snapshot.files.map((file) => ({
      path: file.path,
      rows: fileRows(file),
      bytes: file.size,
      partition: file.partitionValues,
      modified: new Date(file.modificationTime).toISOString(),
    }));
    await writeRows(invocation, rowsOf(rows, ['path', 'rows', 'bytes', 'partition', 'modified']));
    return EXIT.ok;
  },
});
