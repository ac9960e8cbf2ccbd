import { EXIT } from '../../base/lake-error.js';
import type { RebuildResult } from '../../ingest/verify/rebuild.js';
import { defineCommand } from '../command.js';
import { withLakeState } from '../lake-state.js';
import { countText } from '../render/amounts.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';

const COLUMNS = [
  'kind',
  'target',
  'source',
  'path',
  'sha',
  'run_id',
  'ledger_rows',
  'bronze_rows',
  'recorded',
  'message',
];
const SHOWN = ['kind', 'target', 'path', 'ledger_rows', 'bronze_rows', 'recorded', 'message'];
/** Differences that a person is shown; the other formats have all. */
const LINES = 50;

export const stateRebuildCommand = defineCommand({
  path: ['state', 'rebuild'],
  summary: 'Make the ledger again from the rows of bronze tables, and show where the two differ',
  arguments: { targets: { describe: 'Targets or sources (default: all)', many: true } },
  options: {
    source: { type: 'text', value: 'NAME', describe: 'Whose files those are of which nothing says the source' },
    'dry-run': { type: 'flag', describe: 'Show the differences, write nothing' },
  },
  examples: [
    { command: 'lakeledger state rebuild --dry-run', comment: 'where ledger and bronze tables differ' },
    { command: 'lakeledger state rebuild', comment: 'after the metadata folder was lost' },
  ],
  async run(invocation) {
    const { options, arguments: given, progress } = invocation;
    const result = await withLakeState(invocation, (state) =>
      state.rebuild({
        names: given.targets,
        dryRun: options['dry-run'],
        onProgress: progress.report,
        ...(options.source === undefined ? {} : { source: options.source }),
      }),
    );
    await writeObject(invocation, {
      value: result,
      text: (style) => rebuildText(result, style),
      rows: rowsOf(result.differences, COLUMNS),
    });
    const left = result.differences.filter(({ recorded, kind }) => !recorded && kind !== 'unfinished');
    return left.length === 0 ? EXIT.ok : EXIT.data;
  },
});

function rebuildText(result: RebuildResult, style: RowStyle): string {
  const { targets, differences, events, dry_run: dryRun } = result;
  if (targets.length === 0) return 'there is no bronze table in this lake, and the ledger knows of none\n';
  const left = differences.filter(({ recorded }) => !recorded).length;
  const parts = [
    countText(targets.length, 'target'),
    countText(
      targets.reduce((sum, { files }) => sum + files, 0),
      'file',
    ),
    countText(differences.length, 'difference'),
    `${countText(events, 'event')} ${dryRun ? 'would be written' : 'written'}`,
    ...(left > 0 ? [`${left.toLocaleString('en')} left`] : []),
  ];
  if (differences.length === 0) return `${parts[0]}, ${parts[1]}: ledger and tables agree\n`;
  const lines = differences.slice(0, LINES).map(({ recorded, ...difference }) => ({
    ...difference,
    recorded: recorded ? (dryRun ? 'would be' : 'yes') : 'no',
  }));
  const shown = rowsOf(lines, SHOWN);
  const more = differences.length > LINES ? `… and ${differences.length - LINES} more; -o csv lists all\n` : '';
  return `${parts.join(', ')}\n\n${renderTable(shown.columns, shown.rows, style)}${more}`;
}
