const TIMESTAMP =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?([Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Java and PostgreSQL allow offsets up to this many minutes. */
const MAX_OFFSET = 18 * 60;

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

// Manifests in a row mostly name one day and are checked before they are converted: the last good answers are kept.
let lastDate = '';
let lastTimestamp: readonly [text: string, canonical: string | undefined] = ['', undefined];

/** True for a day of the calendar, `YYYY-MM-DD`, years 0001 to 9999. */
export function isDate(text: string): boolean {
  if (text === lastDate) return true;
  const good = isCalendarDay(text);
  if (good) lastDate = text;
  return good;
}

function isCalendarDay(text: string): boolean {
  const match = DATE.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const days = month === 2 && isLeap(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0);
  return year >= 1 && day >= 1 && day <= days;
}

/** Minutes east of UTC; undefined when no such zone exists. */
function offsetMinutes(zone: string): number | undefined {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', ''));
  const total = hours * 60 + minutes;
  if (minutes > 59 || total > MAX_OFFSET) return undefined;
  return zone.startsWith('-') ? -total : total;
}

/**
 * A timestamp as `YYYY-MM-DDTHH:MM:SS.ffffffZ`, or undefined when the text is none. Takes ISO 8601 with `T` or a blank, `Z`, an offset or no zone
 * (UTC), 0 to 9 fraction digits (cut to microseconds), years 0001 to 9999.
 */
export function parseTimestamp(text: string): string | undefined {
  if (text === lastTimestamp[0]) return lastTimestamp[1];
  const canonical = canonicalTimestamp(text);
  if (canonical !== undefined) lastTimestamp = [text, canonical];
  return canonical;
}

function canonicalTimestamp(text: string): string | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [, date = '', hour = '', minute = '', second = '00', fraction = '', zone = 'Z'] = match;
  if (!isDate(date) || hour > '23' || minute > '59' || second > '59') return undefined;
  const micros = fraction.slice(0, 6).padEnd(6, '0');
  const offset = zone.length < 3 || zone === 'UTC' || zone === 'GMT' ? 0 : offsetMinutes(zone);
  if (offset === undefined) return undefined;
  if (offset === 0) return `${date}T${hour}:${minute}:${second}.${micros}Z`;
  const utc = new Date(Date.parse(`${date}T${hour}:${minute}:${second}Z`) - offset * 60_000).toISOString();
  return /^(?!0000)\d{4}-/.test(utc) ? `${utc.slice(0, 19)}.${micros}Z` : undefined;
}

/** A day as `YYYY-MM-DD`; of a timestamp its day in UTC. Undefined when the text is neither. */
export function parseDay(text: string): string | undefined {
  return isDate(text) ? text : parseTimestamp(text)?.slice(0, 10);
}
