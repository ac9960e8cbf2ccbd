import { EXIT, usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { DateSettings } from '../../ingest/config/dates-schema.js';
import type { DatePolicy } from '../../ingest/dates/calendar.js';
import type { BackfillDate } from '../../ingest/dates/plan-backfill.js';
import type { Lake } from '../../lake.js';
import { defineCommand } from '../command.js';
import { dateSettings, warnUnreadable } from '../date-settings.js';
import type { Invocation } from '../invocation.js';
import type { OptionSpecs, OptionValues } from '../option-spec.js';
import { countText } from '../render/amounts.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';
import type { DateOutcome } from '../run-backfill.js';
import { sourceOptions } from '../source-options.js';
import { withLake } from '../with-lake.js';

const options = {
  source: { type: 'list', value: 'NAME', describe: 'A source with business dates (default: all that are enabled)' },
  group: { type: 'text', value: 'NAME', describe: 'Only sources of this group' },
  from: {
    type: 'text',
    value: 'DATE',
    describe: 'The first date: 2026-03-01, yesterday; three days ago is --from=-3d',
  },
  to: { type: 'text', value: 'DATE', describe: 'The last date' },
  'only-missing': { type: 'flag', describe: 'Leave out dates that have succeeded or are waived' },
  'dry-run': { type: 'flag', describe: 'Say which dates would be run, write nothing' },
  jobs: { type: 'integer', value: 'N', min: 1, describe: 'Sources that are run at the same time', config: 'jobs' },
  'take-over': { type: 'flag', describe: 'Go on although another run seems to be at it' },
} as const satisfies OptionSpecs;

type BackfillInvocation = Invocation<typeof options>;

export const backfillCommand = defineCommand({
  path: ['backfill'],
  summary: 'Run sources for every business day of a range, oldest first',
  arguments: {},
  options,
  examples: [
    {
      command: 'lakeledger backfill --from 2026-03-01 --to 2026-03-05 --only-missing --dry-run',
      comment: 'which dates of which sources are missing',
    },
    {
      command: 'lakeledger backfill --source orders --from 2026-03-01 --to 2026-03-02',
      comment: 'every date, also those that have succeeded',
    },
  ],
  async run(invocation) {
    const settings = await dateSettings(invocation);
    const range = await readRange(invocation, settings);
    const policies = choosePolicies(invocation, settings.policies);
    const { runBackfill, untried } = await import('../run-backfill.js');
    if (invocation.options['dry-run']) {
      const plan = await withLake(invocation, (lake) => readPlan(lake, policies, { ...range, invocation }));
      await report(invocation, { range, outcomes: plan.flatMap((one) => untried(one, 'planned')) });
      return EXIT.ok;
    }
    const { selectSources } = await import('../select-sources.js');
    const { withIngestLake } = await import('../run-ingest.js');
    const names = policies.map(({ name }) => name);
    const sources = await selectSources({ ...invocation, options: NO_FLAGS }, names);
    const { outcomes, exitCode } = await withIngestLake(invocation, async (lake, hooks) => {
      const plan = await readPlan(lake, policies, { ...range, invocation });
      invocation.log.note(`${countText(plan.length, 'date')} from ${range.from} to ${range.to}`);
      const request = { ...requestOf(invocation, settings), ...hooks };
      return runBackfill(lake, { plan, sources, request, log: invocation.log });
    });
    await report(invocation, { range, outcomes });
    return exitCode;
  },
});

/** The flags of sources, with none given. */
const NO_FLAGS = Object.fromEntries<unknown>(
  Object.entries(sourceOptions).map(([name, { type }]) => [name, type === 'list' ? [] : undefined]),
) as OptionValues<typeof sourceOptions>;

function requestOf({ options: flags }: BackfillInvocation, { timeZone, environment }: DateSettings) {
  return {
    timeZone,
    takeOver: flags['take-over'],
    ...(environment === null ? {} : { environment }),
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    ...(flags['only-missing'] ? {} : { rerun: true }),
  };
}

interface Range {
  /** Both included. */
  readonly from: string;
  readonly to: string;
}

async function readRange({ options: flags }: BackfillInvocation, { timeZone }: DateSettings): Promise<Range> {
  const { dateIn, parseDateWord } = await import('../../ingest/dates/date-words.js');
  const now = Date.now();
  const read = (name: 'from' | 'to') => {
    const text = flags[name];
    const date = text === undefined ? 'next' : parseDateWord(text, { flag: `--${name}`, timeZone, now });
    if (date !== 'next') return date;
    throw usageError(`lakeledger backfill needs --${name} with a date`, { hint: '--from 2026-03-01 --to yesterday' });
  };
  const range = { from: read('from'), to: read('to') };
  const today = dateIn(timeZone, now);
  if (range.from > range.to) throw usageError(`--from ${range.from} is after --to ${range.to}`);
  if (range.to > today) {
    throw usageError(`--to ${range.to} is in the future; today is ${today} in ${timeZone}`, { hint: '--to today' });
  }
  return range;
}

/** The sources that the flags mean. */
function choosePolicies(
  { options: { source: names, group }, config }: BackfillInvocation,
  policies: readonly DatePolicy[],
): readonly DatePolicy[] {
  const known = policies.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const configured = Object.keys(config?.values.sources ?? {}).includes(unknown);
    throw configured
      ? usageError(`the source "${unknown}" has no business dates`, { hint: 'give it a start_date, or daily: true' })
      : usageError(`there is no source "${unknown}" with business dates`, { hint: didYouMean(unknown, known) });
  }
  const groups = [...new Set(policies.map((policy) => policy.group))];
  if (group !== undefined && !groups.includes(group)) {
    throw usageError(`there is no group "${group}"`, { hint: didYouMean(group, groups) });
  }
  const chosen = policies.filter(
    (policy) =>
      (group === undefined || policy.group === group) &&
      (names.length === 0 ? policy.enabled : names.includes(policy.name)),
  );
  if (chosen.length > 0) return chosen;
  throw usageError('no source with business dates is meant', {
    hint: 'sources that have a start_date, or are read through a connection, have business dates',
  });
}

async function readPlan(
  lake: Lake,
  policies: readonly DatePolicy[],
  { from, to, invocation }: Range & { readonly invocation: BackfillInvocation },
): Promise<readonly BackfillDate[]> {
  const { RunManifests } = await import('../../ledger/runs/run-manifests.js');
  const { planBackfill } = await import('../../ingest/dates/plan-backfill.js');
  const { readHistories } = await import('../../ingest/dates/read-dates.js');
  const histories = await readHistories(new RunManifests(lake.catalog.store), policies, { from, to });
  const facts = [...histories.values()].flatMap((history) => [...history.values()]);
  warnUnreadable(
    invocation.log,
    facts.flatMap(({ problems }) => problems),
  );
  return planBackfill({ policies, histories, from, to, onlyMissing: invocation.options['only-missing'] });
}

async function report(
  invocation: BackfillInvocation,
  { range, outcomes }: { readonly range: Range; readonly outcomes: readonly DateOutcome[] },
): Promise<void> {
  const count = (status: DateOutcome['status']) => outcomes.filter((one) => one.status === status).length;
  const counts = {
    planned: count('planned'),
    succeeded: count('success'),
    skipped: count('skipped'),
    failed: count('failed'),
    not_run: count('not_run'),
  };
  const told = Object.entries(counts).flatMap(([what, n]) => (n === 0 ? [] : [`${n} ${what.replace('_', ' ')}`]));
  const table = rowsOf(outcomes, ['date', 'source', 'before', 'status', 'files', 'rows', 'reason', 'run_id']);
  const shown = table.columns.slice(0, invocation.options['dry-run'] ? 4 : 7);
  await writeObject(invocation, {
    value: {
      ...range,
      only_missing: invocation.options['only-missing'],
      dry_run: invocation.options['dry-run'],
      ...counts,
      dates: outcomes,
    },
    text: (style) =>
      outcomes.length === 0
        ? `nothing to run from ${range.from} to ${range.to}\n`
        : `${renderTable(shown, table.rows, style)}\n${told.join(', ')}\n`,
    rows: table,
  });
}
