import { randomUUID } from 'node:crypto';
import { systemClock } from '../../base/clock.js';
import { EXIT, usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import { userName } from '../../base/user-name.js';
import type { DateSettings } from '../../ingest/config/dates-schema.js';
import type { Lake } from '../../lake.js';
import { defineCommand } from '../command.js';
import { dateSettings } from '../date-settings.js';
import { fieldLines, writeObject } from '../results.js';
import { withLake } from '../with-lake.js';

export const stateWaiveCommand = defineCommand({
  path: ['state', 'waive'],
  summary: 'Say of a business date of a source that it needs no data: it is no gap any more',
  arguments: {
    source: { describe: 'The name of a source', required: true },
    date: { describe: 'The business date: 2026-03-03, today, yesterday', required: true },
  },
  options: {
    reason: { type: 'text', value: 'TEXT', describe: 'Why; kept in the event log and in the run manifest' },
    'dry-run': { type: 'flag', describe: 'Say what would happen, write nothing' },
  },
  examples: [
    {
      command: 'lakeledger state waive orders 2026-03-03 --reason "no delivery on that day" --dry-run',
      comment: 'whether the date can be waived',
    },
    {
      command: 'lakeledger state waive orders 2026-03-03 --reason "no delivery on that day"',
      comment: 'the next date of orders is another one now',
    },
  ],
  async run(invocation) {
    const { options, log } = invocation;
    const { source } = invocation.arguments;
    const { reason } = options;
    if (reason === undefined || reason.trim() === '') {
      throw usageError('lakeledger state waive needs --reason', { hint: '--reason "no delivery on that day"' });
    }
    const settings = await dateSettings(invocation);
    const date = await readDate(invocation.arguments.date, settings);
    const { manifest, already } = await withLake(invocation, async (lake) => {
      await assertDue(lake, { source, date, settings });
      const { waiveDate } = await import('../../ingest/dates/waive-date.js');
      const deps = { session: await lake.session(), catalog: lake.catalog, clock: systemClock };
      return waiveDate(deps, {
        source,
        date,
        reason,
        runId: randomUUID(),
        actor: userName(),
        environment: settings.environment,
        dryRun: options['dry-run'],
      });
    });
    if (already) log.note(`${date} of ${source} is waived already; nothing was written`);
    const written = !already && !options['dry-run'];
    const value = {
      source,
      date,
      reason: manifest.waived?.reason ?? null,
      actor: manifest.waived?.actor ?? null,
      run_id: written || already ? manifest.run_id : null,
      written,
    };
    await writeObject(invocation, { value, text: (style) => fieldLines(value, style) });
    return EXIT.ok;
  },
});

async function readDate(text: string, { timeZone }: DateSettings): Promise<string> {
  const { parseDateWord } = await import('../../ingest/dates/date-words.js');
  const date = parseDateWord(text, { flag: 'DATE', timeZone, now: Date.now() });
  if (date === 'next') throw usageError('a waiver names its date', { hint: 'lakeledger status says which it is' });
  return date;
}

/** Throws a usage error for a source that nobody knows, and for a date on which nothing is due anyway. */
async function assertDue(
  lake: Lake,
  { source, date, settings }: { readonly source: string; readonly date: string; readonly settings: DateSettings },
): Promise<void> {
  const { RunManifests } = await import('../../ledger/runs/run-manifests.js');
  const { dateState } = await import('../../ingest/dates/plan-dates.js');
  const policy = settings.policies.find(({ name }) => name === source);
  if (policy === undefined) {
    const known = await new RunManifests(lake.catalog.store).sources();
    if (known.includes(source)) return;
    const names = [...new Set([...known, ...settings.policies.map(({ name }) => name)])].sort();
    throw usageError(`there is no source "${source}" with business dates`, { hint: didYouMean(source, names) });
  }
  if (dateState(policy, new Map(), date) !== 'not_due') return;
  throw usageError(`nothing is due from ${source} on ${date}`, {
    hint:
      policy.startDate !== null && date < policy.startDate
        ? `its first date is ${policy.startDate}`
        : 'that day is no business day of its calendar',
  });
}
