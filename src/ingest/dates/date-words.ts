import { usageError } from '../../base/lake-error.js';
import { isDate } from '../../manifest/timestamp.js';
import { addDays } from './calendar.js';

/** The date of a moment (milliseconds since the epoch) in a time zone of the IANA database, `YYYY-MM-DD`. */
export function dateIn(timeZone: string, now: number): string {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(now);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
}

/** Where the words `today`, `yesterday` and `-3d` count from. */
export interface WordContext {
  /** The flag or argument, for messages. */
  readonly flag: string;
  readonly timeZone: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * A date of the command line: `YYYY-MM-DD`, `today`, `yesterday`, `-3d` (three days ago). `next` stays what it is: the next business date is in the
 * lake. Throws a usage error for anything else.
 */
export function parseDateWord(text: string, { flag, timeZone, now }: WordContext): string {
  const word = text.trim().toLowerCase();
  const daysAgo = /^-(\d{1,5})d$/.exec(word)?.[1];
  if (word === 'next' || isDate(word)) return word;
  if (word === 'today') return dateIn(timeZone, now);
  if (word === 'yesterday') return addDays(dateIn(timeZone, now), -1);
  if (daysAgo !== undefined) return addDays(dateIn(timeZone, now), -Number(daysAgo));
  throw usageError(`${flag} is a date, not "${text}"`, {
    hint: `${flag} 2026-03-31, ${flag} today, ${flag} yesterday or ${flag}=-3d`,
  });
}
