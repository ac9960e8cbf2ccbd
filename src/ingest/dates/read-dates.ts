import type { RunManifests } from '../../ledger/runs/run-manifests.js';
import type { DatePolicy } from './calendar.js';
import { type BusinessDates, dateFacts, planGroups, planSourceDates, type SourceHistory } from './plan-dates.js';

/** Dates that are looked at together when most of them are expected to be of no use. */
const MOST_AT_ONCE = 32;

/** What there is of sources between two dates, both included, by source. */
export async function readHistories(
  manifests: RunManifests,
  policies: readonly DatePolicy[],
  range: { readonly from?: string; readonly to?: string } = {},
): Promise<ReadonlyMap<string, SourceHistory>> {
  const found = await Promise.all(
    policies.map(async ({ name }): Promise<[string, SourceHistory]> => {
      const dates = await manifests.readAll(name, range);
      return [name, new Map(dates.map((runs) => [runs.date, dateFacts(runs)]))];
    }),
  );
  return new Map(found);
}

/** The newest date of a source that succeeded. Reads the newest dates first and stops at the first success. */
export async function discoverLatestSuccessfulDate(manifests: RunManifests, source: string): Promise<string | null> {
  const dates = (await manifests.dates(source)).reverse();
  for (let at = 0, count = 1; at < dates.length; at += count, count = Math.min(count * 2, MOST_AT_ONCE)) {
    const some = dates.slice(at, at + count);
    const states = await Promise.all(some.map((date) => manifests.skipCheck(source, date)));
    const found = states.findIndex(({ state }) => state === 'succeeded');
    if (found !== -1) return some[found] ?? null;
  }
  return null;
}

/**
 * The next business date of each source and of each group (seed 003, with gaps first): the smallest of the next dates of its enabled sources, so
 * that none races ahead. All that is known comes from the run manifests.
 */
export async function discoverNextBusinessDate(
  manifests: RunManifests,
  policies: readonly DatePolicy[],
): Promise<BusinessDates> {
  const histories = await readHistories(manifests, policies);
  const sources = policies.map((policy) => planSourceDates(policy, histories.get(policy.name) ?? new Map()));
  return { sources, groups: planGroups(sources) };
}
