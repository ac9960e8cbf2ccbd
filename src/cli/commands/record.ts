import { readFile } from 'node:fs/promises';
import { EXIT, messageOf, usageError } from '../../base/lake-error.js';
import type { RecordResult } from '../../lake.js';
import { defineCommand } from '../command.js';
import { ledgerKey } from '../ledger-key.js';
import { refuseTerminal } from '../read-stdin.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { fieldLines, rowsOf, writeObject } from '../results.js';
import { settingsOptions } from '../settings-options.js';
import { withLake } from '../with-lake.js';

/** Rejections that a person is shown; `-o json` has all that were kept. */
const SHOWN = 20;

export const recordCommand = defineCommand({
  path: ['record'],
  summary: 'Put manifests into the ledger: stage them in DuckDB, MERGE them into the Delta table',
  arguments: {
    paths: { describe: 'Files, folders, globs, or - for standard input (.gz too)', required: true, many: true },
  },
  options: {
    strict: settingsOptions.strict,
    'batch-size': settingsOptions['batch-size'],
    'dry-run': { type: 'flag', describe: 'Say what would change, write nothing' },
    key: settingsOptions.key,
    'merge-sql': settingsOptions['merge-sql'],
  },
  examples: [
    { command: 'lakeledger record manifests', comment: 'every manifest below the folder; again: nothing changes' },
    { command: 'lakeledger scan . | lakeledger record -', comment: 'the files of this folder' },
  ],
  async run(invocation) {
    const { options, io } = invocation;
    const { paths } = invocation.arguments;
    if (paths.includes('-')) refuseTerminal(io);
    const mergeSql = options['merge-sql'] === undefined ? undefined : await readMergeSql(options['merge-sql']);
    const key = options.key === undefined ? undefined : ledgerKey(options.key);
    const result = await withLake(
      invocation,
      (lake) =>
        lake.record(paths, {
          strict: options.strict,
          dryRun: options['dry-run'],
          stdin: io.stdin,
          ...(options['batch-size'] === undefined ? {} : { batchSize: options['batch-size'] }),
          ...(mergeSql === undefined ? {} : { mergeSql }),
        }),
      key === undefined ? {} : { key },
    );
    await writeObject(invocation, { value: result, text: (style) => resultText(result, style) });
    return result.rejected > 0 ? EXIT.data : EXIT.ok;
  },
});

async function readMergeSql(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw usageError(`cannot read the MERGE statement: ${messageOf(error)}`, { place: file, cause: error });
  }
}

function resultText(result: RecordResult, style: RowStyle): string {
  const { received, staged, rejected, inserted, updated, unchanged, events, batches } = result;
  const counts = { received, staged, rejected, inserted, updated, unchanged, events, batches };
  const place = {
    table: `${result.table}@${result.version}`,
    run: result.run_id,
    took: `${(result.duration_ms / 1000).toFixed(2)} s`,
    ...(result.dry_run ? { 'dry run': 'nothing was written' } : {}),
  };
  return fieldLines({ ...counts, ...place }, style) + rejectionText(result, style);
}

function rejectionText({ rejections, rejected }: RecordResult, style: RowStyle): string {
  if (rejections.length === 0) return '';
  const rows = rejections
    .slice(0, SHOWN)
    .map(({ file, line, field, reason }) => ({ place: line === null ? file : `${file}:${line}`, field, reason }));
  const { columns } = rowsOf(rows, ['place', 'field', 'reason']);
  const more = rejected > rows.length ? `… and ${rejected - rows.length} more in metadata.manifest_quarantine\n` : '';
  return `\nrejected manifests\n${renderTable(columns, rows, style)}${more}`;
}
