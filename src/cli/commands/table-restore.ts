import { EXIT, usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { byteText } from '../render/amounts.js';
import { fieldLines, writeObject } from '../results.js';
import { parseVersionAt, refuseLedgerTable, TABLE_ARGUMENT, writableTable } from '../table-target.js';
import { withLake } from '../with-lake.js';

const WHY = 'an older version of it would not know what the others have recorded since';

export const tableRestoreCommand = defineCommand({
  path: ['table', 'restore'],
  summary: 'Make a Delta table what it was at a version or time, as a new version',
  arguments: { table: TABLE_ARGUMENT },
  options: {
    to: { type: 'text', value: 'VERSION|TIME', describe: 'The version, or the newest one at or before a time' },
    'dry-run': { type: 'flag', describe: 'Say what would change, write nothing' },
    'ignore-missing-files': { type: 'flag', describe: 'Restore although a vacuum deleted files of that version' },
    force: { type: 'flag', describe: "Also one of the ledger's own tables" },
  },
  examples: [
    {
      command: 'lakeledger table restore metadata.ingestion_manifest --to 0 --dry-run',
      comment: 'what going back to version 0 would change',
    },
    {
      command: 'lakeledger table restore ./lake/metadata/check_result --to 0 --dry-run -o json',
      comment: 'any Delta table, by its folder',
    },
  ],
  async run(invocation) {
    const { options } = invocation;
    if (options.to === undefined) {
      throw usageError('lakeledger table restore needs --to VERSION or --to TIME', {
        hint: tableRestoreCommand.examples[0].command,
      });
    }
    const at = parseVersionAt(options.to);
    const { path, result } = await withLake(invocation, async (lake) => {
      const { table } = writableTable(lake, invocation.arguments.table);
      const dryRun = options['dry-run'];
      refuseLedgerTable(lake, table, { force: options.force || dryRun, why: WHY });
      const restored = await table.restore(at, { dryRun, ignoreMissingFiles: options['ignore-missing-files'] });
      return { path: table.path, result: restored };
    });
    await writeObject(invocation, {
      value: {
        path,
        version: result.version,
        restored_version: result.restoredVersion,
        dry_run: result.dryRun,
        files_restored: result.filesRestored,
        files_removed: result.filesRemoved,
        bytes_restored: result.bytesRestored,
        bytes_removed: result.bytesRemoved,
        files: result.filesAfter,
        bytes: result.bytesAfter,
      },
      text: (style) =>
        fieldLines(
          {
            table: `${path}@${result.version}`,
            'restored version': result.restoredVersion,
            'files brought back': `${result.filesRestored}, ${byteText(result.bytesRestored)}`,
            'files taken away': `${result.filesRemoved}, ${byteText(result.bytesRemoved)}`,
            'files now': `${result.filesAfter}, ${byteText(result.bytesAfter)}`,
            ...(result.dryRun ? { 'dry run': 'nothing was written' } : {}),
          },
          style,
        ),
    });
    return EXIT.ok;
  },
});
