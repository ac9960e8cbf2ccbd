import { usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import { isWaiver, type RunManifestProblem } from '../../ledger/runs/run-manifest.js';
import type { DateRuns } from '../../ledger/runs/run-manifests.js';
import { businessDays, type DatePolicy, isBusinessDay } from './calendar.js';

/**
 * How a source stands on a date. `unreadable`: no readable manifest says that it succeeded or is waived, but there is one that cannot be read.
 * `not_due`: nothing was tried, and nothing has to be.
 */
export type DateState = 'succeeded' | 'waived' | 'failed' | 'unreadable' | 'missing' | 'not_due';

/** What the manifests of a date come to. */
export interface DateFacts {
  readonly state: Exclude<DateState, 'not_due'>;
  /** When the latest success ended, ISO 8601; null when there is none. */
  readonly succeededAt: string | null;
  readonly problems: readonly RunManifestProblem[];
}

/** What there is of a source, by date. A date without facts is missing. */
export type SourceHistory = ReadonlyMap<string, DateFacts>;

/** How a source stands among its dates. */
export interface SourceDates {
  readonly source: string;
  readonly group: string;
  readonly enabled: boolean;
  /** The newest date that succeeded. */
  readonly last: string | null;
  /** When its latest success ended, of whatever date, ISO 8601. */
  readonly lastAt: string | null;
  /** Business days before `last` that neither succeeded nor are waived, oldest first. */
  readonly gaps: readonly string[];
  /** The date to run next: the first gap, else the business day after `last`, else the start date. */
  readonly next: string | null;
  /** How it stands on `next`. */
  readonly nextState: DateState | null;
  /** Where `next` comes from; `unknown`: there is neither a success nor a start date. */
  readonly why: 'gap' | 'after_last' | 'start' | 'unknown';
  /** Every manifest that cannot be used. */
  readonly problems: readonly RunManifestProblem[];
}

/** How the enabled sources of a group stand together. None of them is to go past `next`. */
export interface GroupDates {
  readonly group: string;
  readonly sources: readonly string[];
  /** The smallest next date; null when a source has none. */
  readonly next: string | null;
  /** The sources whose next date that is: those to run, the others have it already or do not need it. */
  readonly heldBackBy: readonly string[];
  /** Sources with neither a success nor a start date. */
  readonly unknown: readonly string[];
}

/** Business dates of several sources. */
export interface BusinessDates {
  readonly sources: readonly SourceDates[];
  readonly groups: readonly GroupDates[];
}

/** What the manifests of a date come to. A success counts whatever came after it (Decision 5). */
export function dateFacts({ manifests, problems }: DateRuns): DateFacts {
  const success = manifests.findLast(({ status }) => status === 'success');
  const failed = manifests.some(({ status }) => status === 'failed');
  return {
    state:
      success !== undefined
        ? 'succeeded'
        : manifests.some(isWaiver)
          ? 'waived'
          : problems.length > 0
            ? 'unreadable'
            : failed
              ? 'failed'
              : 'missing',
    succeededAt: success === undefined ? null : (success.ended_at ?? success.started_at),
    problems,
  };
}

/** How a source stands on a date. */
export function dateState(policy: DatePolicy, history: SourceHistory, date: string): DateState {
  const state = history.get(date)?.state ?? 'missing';
  const due = isBusinessDay(date, policy.calendar) && date >= (policy.startDate ?? date);
  return state === 'missing' && !due ? 'not_due' : state;
}

function isDone(history: SourceHistory, date: string): boolean {
  const state = history.get(date)?.state;
  return state === 'succeeded' || state === 'waived';
}

/** How a source stands: gaps are filled first, waived dates are done. */
export function planSourceDates(policy: DatePolicy, history: SourceHistory): SourceDates {
  const succeeded = [...history].flatMap(([date, { state }]) => (state === 'succeeded' ? [date] : [])).sort();
  const last = succeeded.at(-1) ?? null;
  const start = policy.startDate ?? succeeded[0];
  const open = (date: string) => !isDone(history, date);
  const gaps =
    start === undefined || last === null
      ? []
      : [...businessDays(policy.calendar, { from: start, to: last })].filter(open);
  const next = gaps[0] ?? firstOpen(policy, history, { start, last });
  return {
    source: policy.name,
    group: policy.group,
    enabled: policy.enabled,
    last,
    lastAt: latestTime([...history.values()].flatMap(({ succeededAt }) => succeededAt ?? [])),
    gaps,
    next,
    nextState: next === null ? null : dateState(policy, history, next),
    why:
      start === undefined
        ? 'unknown'
        : gaps.length > 0
          ? 'gap'
          : last === null || start > last
            ? 'start'
            : 'after_last',
    problems: [...history.values()].flatMap(({ problems }) => problems),
  };
}

function latestTime(times: readonly string[]): string | null {
  return times.reduce<string | null>(
    (latest, time) => (latest === null || Date.parse(time) > Date.parse(latest) ? time : latest),
    null,
  );
}

/** The first business day after everything that is done. */
function firstOpen(
  { calendar }: DatePolicy,
  history: SourceHistory,
  { start, last }: { readonly start: string | undefined; readonly last: string | null },
): string | null {
  if (start === undefined) return null;
  for (const date of businessDays(calendar, { from: last !== null && last > start ? last : start })) {
    if (!isDone(history, date)) return date;
  }
  return null;
}

/** The groups of the enabled sources, by name. */
export function planGroups(sources: readonly SourceDates[]): readonly GroupDates[] {
  const enabled = sources.filter((one) => one.enabled);
  const names = [...new Set(enabled.map(({ group }) => group))].sort();
  return names.map((group) => {
    const members = enabled.filter((one) => one.group === group);
    const dates = members.flatMap(({ next }) => next ?? []).sort();
    const next = dates.length === members.length ? (dates[0] ?? null) : null;
    return {
      group,
      sources: members.map(({ source }) => source),
      next,
      heldBackBy: members.flatMap((one) => (next !== null && one.next === next ? [one.source] : [])),
      unknown: members.flatMap(({ source, why }) => (why === 'unknown' ? [source] : [])),
    };
  });
}

/** The group of that name; without a name the only one. Throws a usage error when that is none. */
function groupNamed(groups: readonly GroupDates[], name: string | undefined): GroupDates {
  const known = groups.map(({ group }) => group);
  const found = name === undefined ? groups : groups.filter(({ group }) => group === name);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined && name !== undefined) {
    throw usageError(`there is no group "${name}" of sources with business dates`, { hint: didYouMean(name, known) });
  }
  if (only === undefined) {
    throw usageError('no source takes part in business dates', { hint: 'give a source a start_date' });
  }
  throw usageError(`there are ${found.length} groups of sources, and each has its own next date`, {
    hint: `--group with one of ${known.join(', ')}`,
  });
}

/**
 * The date that a group has to run next, and the sources that have to run it. Throws a usage error (exit code 2) when nobody can tell: a source has
 * neither a success nor a start date.
 */
export function requireNextDate(
  { groups }: BusinessDates,
  name?: string,
): { readonly date: string; readonly sources: readonly string[] } {
  const { group, next, heldBackBy, unknown } = groupNamed(groups, name);
  if (next !== null) return { date: next, sources: heldBackBy };
  throw usageError(
    `the next business date of the group "${group}" is not known: ${unknown.join(', ')} never succeeded and has no start_date`,
    { place: `sources.${unknown[0]}`, hint: `start_date: "2026-01-01" for ${unknown[0]} in lakeledger.yaml` },
  );
}
