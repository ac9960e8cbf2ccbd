import { EXIT, usageError } from '../../base/lake-error.js';
import type { IngestResult } from '../../ingest/result.js';
import { defineCommand } from '../command.js';
import { confirm } from '../confirm.js';
import type { Invocation } from '../invocation.js';
import { countText } from '../render/amounts.js';
import { sourceOptions } from '../source-options.js';

/** Files that are shown before the question. */
const SHOWN = 20;

export const reprocessCommand = defineCommand({
  path: ['reprocess'],
  summary: 'Load files again that are in already, or that are held for a person',
  arguments: {
    selector: { describe: 'A path, the beginning of a sha, or source:YYYY-MM-DD', required: true },
  },
  options: {
    reason: { type: 'text', value: 'TEXT', describe: 'Why; kept in the event log' },
    mode: {
      type: 'text',
      choices: ['replace', 'append'],
      describe: 'In place of the rows that are there, or beside them',
      default: 'replace',
    },
    ...sourceOptions,
    'dry-run': { type: 'flag', describe: 'Say what it would touch, write nothing' },
    'take-over': { type: 'flag', describe: 'Go on although another run seems to be at it' },
  },
  examples: [
    {
      command: 'lakeledger reprocess data/orders/2026-03-01.csv --reason "supplier corrected it" --yes',
      comment: 'one file, without a question',
    },
    {
      command: 'lakeledger reprocess orders:2026-03-01 --reason "wrong rate" --dry-run',
      comment: 'which files of a business date it would load again',
    },
  ],
  async run(invocation) {
    const { options, log } = invocation;
    const { reason } = options;
    if (reason === undefined || reason.trim() === '') {
      throw usageError('reprocess needs --reason', { hint: '--reason "supplier corrected it"' });
    }
    const { allSources, selectSources } = await import('../select-sources.js');
    const { withIngestLake } = await import('../run-ingest.js');
    const { reportIngest } = await import('../ingest-report.js');
    const sources = options.file.length > 0 ? await selectSources(invocation, []) : await allSources(invocation);
    const request = {
      selector: invocation.arguments.selector,
      reason,
      mode: options.mode as 'replace',
      sources,
      takeOver: options['take-over'],
    };
    const { result, agreed } = await withIngestLake(invocation, async (lake, hooks) => {
      const load = (dryRun: boolean) => lake.reprocess({ ...request, ...hooks, dryRun });
      if (options['dry-run'] || options.yes) return { result: await load(options['dry-run']), agreed: true };
      const found = await load(true);
      showTouched(invocation, found);
      const question = `Load ${countText(found.files.length, 'file')} again (${request.mode})?`;
      const agreed = found.files.length === 0 || (await confirm(invocation, question));
      return { result: agreed ? await load(false) : found, agreed };
    });
    if (agreed) return reportIngest(invocation, result);
    log.note('nothing was loaded');
    return EXIT.ok;
  },
});

/** Says on stderr which files it is about: stdout is for the result. */
function showTouched({ log }: Invocation, { files }: IngestResult): void {
  for (const file of files.slice(0, SHOWN)) log.note(`${file.path} → ${file.target}: ${file.reason}`);
  if (files.length > SHOWN) log.note(`… and ${files.length - SHOWN} more; --dry-run -o json lists them`);
}
