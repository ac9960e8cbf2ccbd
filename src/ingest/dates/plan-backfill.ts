import { businessDays, type DatePolicy } from './calendar.js';
import { type DateState, dateState, type SourceHistory } from './plan-dates.js';

/** A date of a backfill and the sources that are run for it. */
export interface BackfillDate {
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** In the order of the policies; `before` is how each stood before. */
  readonly sources: readonly { readonly source: string; readonly before: DateState }[];
}

export interface BackfillRequest {
  readonly policies: readonly DatePolicy[];
  /** What there is of each source. */
  readonly histories: ReadonlyMap<string, SourceHistory>;
  /** Both included. */
  readonly from: string;
  readonly to: string;
  /** Leave out what succeeded or is waived. */
  readonly onlyMissing: boolean;
}

/** The business days of a range and what is to be run on each, oldest first: gaps are older than what comes after them. */
export function planBackfill({ policies, histories, from, to, onlyMissing }: BackfillRequest): readonly BackfillDate[] {
  const byDate = new Map<string, BackfillDate['sources'][number][]>();
  for (const policy of policies) {
    const history = histories.get(policy.name) ?? new Map();
    for (const date of businessDays(policy.calendar, { from, to })) {
      if (date < (policy.startDate ?? date)) continue;
      const before = dateState(policy, history, date);
      if (onlyMissing && (before === 'succeeded' || before === 'waived')) continue;
      const some = byDate.get(date) ?? [];
      byDate.set(date, [...some, { source: policy.name, before }]);
    }
  }
  return [...byDate].sort(([a], [b]) => (a < b ? -1 : 1)).map(([date, sources]) => ({ date, sources }));
}
