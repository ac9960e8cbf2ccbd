import { EXIT } from '../../base/lake-error.js';
import type { VacuumRequest, VacuumResult } from '../../delta/index.js';
import { defineCommand } from '../command.js';
import { confirm } from '../confirm.js';
import { byteText, countText } from '../render/amounts.js';
import type { RowStyle } from '../render/row-types.js';
import { fieldLines, rowsOf, writeObject } from '../results.js';
import { TABLE_ARGUMENT, writableTable } from '../table-target.js';
import { withLake } from '../with-lake.js';

/** Paths that a person is shown; the other formats have all. */
const SHOWN = 20;

export const tableVacuumCommand = defineCommand({
  path: ['table', 'vacuum'],
  summary: 'Delete files that no version of a Delta table within the retention needs',
  arguments: { table: TABLE_ARGUMENT },
  options: {
    'retention-hours': {
      type: 'integer',
      value: 'N',
      min: 0,
      describe: 'Keep what was removed in the last N hours (default delta.deletedFileRetentionDuration, or 168)',
    },
    lite: { type: 'flag', describe: 'Only what the log knows, without a listing of the folder' },
    'dry-run': { type: 'flag', describe: 'List what would be deleted, delete nothing' },
    force: {
      type: 'flag',
      describe: 'Allow a shorter retention than the table promises: time travel, readers and writers at work may break',
    },
  },
  examples: [
    { command: 'lakeledger table vacuum metadata.ingestion_manifest --dry-run', comment: 'what would be deleted' },
    { command: 'lakeledger table vacuum metadata.ingestion_manifest --yes', comment: 'delete it without a question' },
  ],
  async run(invocation) {
    const { options } = invocation;
    const { path, result, asked } = await withLake(invocation, async (lake) => {
      const { table, name } = writableTable(lake, invocation.arguments.table);
      const request: VacuumRequest = {
        mode: options.lite ? 'lite' : 'full',
        force: options.force,
        ...(options['retention-hours'] === undefined ? {} : { retentionHours: options['retention-hours'] }),
      };
      // Files of events that wait to be folded may be ones that were merged with others since.
      if (lake.ledgerTableOf(table) !== undefined && !options['dry-run']) await lake.catchUp();
      const vacuum = (dryRun: boolean) => table.vacuum({ ...request, dryRun }, invocation.progress.report);
      if (options['dry-run']) return { path: table.path, result: await vacuum(true), asked: true };
      if (options.yes) return { path: table.path, result: await vacuum(false), asked: true };
      const found = await vacuum(true);
      invocation.progress.clear();
      const count = `${countText(found.files.length, 'file')} (${byteText(found.bytes)})`;
      const agreed = found.files.length === 0 || (await confirm(invocation, `Delete ${count} of ${name}?`));
      return { path: table.path, result: agreed ? await vacuum(false) : found, asked: agreed };
    });
    if (!asked) invocation.log.note('nothing was deleted');
    await writeObject(invocation, {
      value: {
        path,
        version: result.version,
        mode: result.mode,
        dry_run: result.dryRun,
        retention_hours: result.retentionHours,
        files: result.files.length,
        bytes: result.bytes,
        paths: result.files,
      },
      text: (style) => vacuumText(path, result, style),
      rows: rowsOf(
        result.files.map((file) => ({ path: file })),
        ['path'],
      ),
    });
    return EXIT.ok;
  },
});

function vacuumText(path: string, result: VacuumResult, style: RowStyle): string {
  const { files } = result;
  const facts = fieldLines(
    {
      table: `${path}@${result.version}`,
      retention: `${result.retentionHours.toLocaleString('en')} hours`,
      [result.dryRun ? 'would delete' : 'deleted']: `${countText(files.length, 'file')}, ${byteText(result.bytes)}`,
      ...(result.dryRun ? { 'dry run': 'nothing was deleted' } : {}),
    },
    style,
  );
  if (!result.dryRun || files.length === 0) return facts;
  const more = files.length > SHOWN ? `… and ${files.length - SHOWN} more; -o csv lists all\n` : '';
  return `${facts}\n${files.slice(0, SHOWN).join('\n')}\n${more}`;
}
