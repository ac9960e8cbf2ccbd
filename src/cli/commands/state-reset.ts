import { EXIT, usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { confirm } from '../confirm.js';
import { withLakeState } from '../lake-state.js';
import { countText } from '../render/amounts.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';

const COLUMNS = ['source', 'target', 'path', 'sha', 'rows'];

export const stateResetCommand = defineCommand({
  path: ['state', 'reset'],
  summary: 'Forget what was loaded: the next ingest loads every file again, or reads the whole table',
  arguments: { name: { describe: 'A source or a target', required: true } },
  options: {
    reason: { type: 'text', value: 'TEXT', describe: 'Why; kept in the event log' },
    'dry-run': { type: 'flag', describe: 'List the files, write nothing' },
  },
  examples: [
    {
      command: 'lakeledger state reset orders --reason "wrong delimiter" --dry-run',
      comment: 'which files it is about',
    },
    { command: 'lakeledger state reset bronze.orders --reason "wrong delimiter" --yes', comment: 'without a question' },
  ],
  async run(invocation) {
    const { options } = invocation;
    const { reason } = options;
    const { name } = invocation.arguments;
    if (reason === undefined || reason.trim() === '') {
      throw usageError('lakeledger state reset needs --reason', { hint: '--reason "wrong delimiter"' });
    }
    const { changeWatermark, hasWatermark } = await import('../change-watermark.js');
    if (await hasWatermark(invocation, name)) {
      return changeWatermark(invocation, { source: name, value: null, reason, dryRun: options['dry-run'] });
    }
    const { files, agreed } = await withLakeState(invocation, async (state) => {
      const reset = (dryRun: boolean) => state.reset({ name, reason, dryRun });
      if (options['dry-run']) return { files: await reset(true), agreed: true };
      const found = await reset(true);
      invocation.progress.clear();
      const question = `Have ${countText(found.length, 'file')} of ${name} loaded again by the next ingest?`;
      const yes = found.length === 0 || (await confirm(invocation, question));
      return { files: yes && found.length > 0 ? await reset(false) : found, agreed: yes };
    });
    const written = agreed && !options['dry-run'];
    if (!agreed) invocation.log.note('nothing was reset');
    if (files.length === 0) invocation.log.note(`nothing of ${name} is loaded that was not asked for again already`);
    const table = rowsOf(files, COLUMNS);
    await writeObject(invocation, {
      value: { name, reason, files, reset: written ? files.length : 0, dry_run: options['dry-run'] },
      text: (style) =>
        files.length === 0
          ? ''
          : `${renderTable(table.columns, table.rows, style)}\n${countText(files.length, 'file')} ${written ? 'will be loaded again by the next ingest' : 'would be loaded again'}\n`,
      rows: table,
    });
    return EXIT.ok;
  },
});
