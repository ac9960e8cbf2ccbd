import { EXIT, usageError } from '../../base/lake-error.js';
import { byteCount } from '../../delta/index.js';
import { defineCommand } from '../command.js';
import { byteText } from '../render/amounts.js';
import { fieldLines, writeObject } from '../results.js';
import { TABLE_ARGUMENT, writableTable } from '../table-target.js';
import { withLake } from '../with-lake.js';

export const tableOptimizeCommand = defineCommand({
  path: ['table', 'optimize'],
  summary: 'Merge small files of a Delta table and purge deleted rows; no row changes',
  arguments: { table: TABLE_ARGUMENT },
  options: {
    where: { type: 'text', value: 'SQL', describe: 'A condition on partition columns: only these partitions' },
    'sort-by': { type: 'list', value: 'COLUMN', describe: 'Sort the rows of every partition by this column' },
    'target-size': {
      type: 'text',
      value: 'SIZE',
      describe: 'Of a full file, e.g. 64MiB (default delta.targetFileSize, or 128MiB)',
    },
    'dry-run': { type: 'flag', describe: 'Say what would be merged, write nothing' },
  },
  examples: [
    { command: 'lakeledger table optimize metadata.ingestion_event --dry-run', comment: 'is there anything to merge?' },
    {
      command: 'lakeledger table optimize metadata.ingestion_manifest --where "ingest_date < current_date"',
      comment: 'the days that are over',
    },
  ],
  async run(invocation) {
    const { options } = invocation;
    const targetSize = options['target-size'] === undefined ? undefined : sizeOf(options['target-size']);
    const { path, result } = await withLake(invocation, async (lake) => {
      const { table } = writableTable(lake, invocation.arguments.table);
      const request = {
        sortBy: options['sort-by'],
        dryRun: options['dry-run'],
        ...(options.where === undefined ? {} : { where: options.where }),
        ...(targetSize === undefined ? {} : { targetSize }),
      };
      return { path: table.path, result: await table.optimize(request, invocation.progress.report) };
    });
    const value = {
      path,
      version: result.version,
      dry_run: result.dryRun,
      commits: result.commits,
      files_considered: result.filesConsidered,
      files_removed: result.filesRemoved,
      files_added: result.filesAdded,
      bytes_removed: result.bytesRemoved,
      bytes_added: result.bytesAdded,
      partitions: result.partitions,
      deletion_vectors_removed: result.deletionVectorsRemoved,
    };
    const size = (bytes: number | null) => (bytes === null ? '' : `, ${byteText(bytes)}`);
    await writeObject(invocation, {
      value,
      text: (style) =>
        fieldLines(
          {
            table: `${path}@${result.version}`,
            'files before': `${result.filesRemoved} of ${result.filesConsidered}${size(result.bytesRemoved)}`,
            'files after': result.filesAdded === null ? null : `${result.filesAdded}${size(result.bytesAdded)}`,
            partitions: result.partitions,
            'deletion vectors': result.deletionVectorsRemoved,
            ...(result.dryRun ? { 'dry run': 'nothing was written' } : {}),
          },
          style,
        ),
    });
    return EXIT.ok;
  },
});

function sizeOf(text: string): number {
  const bytes = byteCount(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw usageError(`--target-size is a number of bytes, not "${text}"`, { hint: '--target-size 64MiB' });
}
