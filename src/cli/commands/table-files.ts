import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { fileRows } from '../table-facts.js';
import { AT_OPTION, TABLE_AT_ARGUMENT, tableAt } from '../table-target.js';
import { withLake } from '../with-lake.js';

const COLUMNS = ['path', 'rows', 'bytes', 'partition', 'deleted_rows', 'modified'];

export const tableFilesCommand = defineCommand({
  path: ['table', 'files'],
  summary: 'The data files of a Delta table',
  arguments: { table: TABLE_AT_ARGUMENT },
  options: {
    at: AT_OPTION,
    stats: { type: 'flag', describe: 'With the statistics of each file, as the log has them' },
  },
  examples: [
    { command: 'lakeledger table files metadata.ingestion_manifest', comment: 'with rows, size and partition' },
    { command: 'lakeledger table files metadata.ingestion_event -o csv', comment: 'for a spreadsheet' },
  ],
  async run(invocation) {
    const { name, at } = tableAt(invocation.arguments.table, invocation.options.at);
    const { stats } = invocation.options;
    const snapshot = await withLake(invocation, (lake) => lake.table(name).snapshot(at));
    const rows = snapshot.files.map((file) => ({
      path: file.path,
      rows: fileRows(file),
      bytes: file.size,
      partition: file.partitionValues,
      deleted_rows: file.deletionVector?.cardinality ?? 0,
      modified: new Date(file.modificationTime).toISOString(),
      ...(stats ? { stats: file.stats ?? null } : {}),
    }));
    await writeRows(invocation, rowsOf(rows, stats ? [...COLUMNS, 'stats'] : COLUMNS));
    return EXIT.ok;
  },
});
