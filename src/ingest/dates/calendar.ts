/** Days of the week as a calendar names them, in the order of `Date.getUTCDay`. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Which days are business days. */
export interface BusinessCalendar {
  /** At least one. */
  readonly weekdays: ReadonlySet<Weekday>;
  /** Days off, `YYYY-MM-DD`. */
  readonly holidays: ReadonlySet<string>;
}

/** How one source takes part in business dates. Every date is `YYYY-MM-DD`. */
export interface DatePolicy {
  readonly name: string;
  /** A source that is not enabled is neither waited for nor asked for dates. */
  readonly enabled: boolean;
  /** The first date it has; null when its first success says so. */
  readonly startDate: string | null;
  /** Sources of one group go from date to date together. */
  readonly group: string;
  readonly calendar: BusinessCalendar;
}

const DAY_MS = 86_400_000;
const LAST_DAY = '9999-12-31';

/** The date so many days later; earlier when `days` is negative. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

export function isBusinessDay(date: string, { weekdays, holidays }: BusinessCalendar): boolean {
  const weekday = WEEKDAYS[new Date(`${date}T00:00:00Z`).getUTCDay()];
  return weekday !== undefined && weekdays.has(weekday) && !holidays.has(date);
}

/** The business days from one date to another, both included, oldest first. */
export function* businessDays(
  calendar: BusinessCalendar,
  { from, to = LAST_DAY }: { readonly from: string; readonly to?: string },
): Generator<string> {
  for (let date = from; date <= to; date = addDays(date, 1)) {
    if (isBusinessDay(date, calendar)) yield date;
    if (date === LAST_DAY) return;
  }
}
