/** Date and timestamp text of every writer, as exact numbers. Years are astronomical: 0 is 1 BC. */

const DAY_MS = 86_400_000;
const DATE = /^([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})( \(BC\))?/;
const TIME = /^[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?/;
const ZONE = /^ ?(?:(Z|UTC)|([+-])(\d{2})(?::?(\d{2}))?(?::?(\d{2}))?)$/;

export interface ParsedTimestamp {
  /** Microseconds since the epoch, in UTC when `zoned`, else in no zone. Digits below the microsecond are dropped. */
  readonly micros: bigint;
  readonly zoned: boolean;
}

function datePrefix(text: string): { days: number; length: number } | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [all, yearText, monthText, dayText, bc] = match;
  const year = bc === undefined ? Number(yearText) : 1 - Number(yearText);
  const date = new Date(0);
  date.setUTCFullYear(year, Number(monthText) - 1, Number(dayText));
  // Date rolls 2023-02-30 over to March; that is no date.
  const real = date.getUTCMonth() === Number(monthText) - 1 && date.getUTCDate() === Number(dayText);
  return real ? { days: date.getTime() / DAY_MS, length: all.length } : undefined;
}

/** Days since 1970-01-01 of `YYYY-MM-DD` (also DuckDB's ` (BC)`), undefined if that is no calendar day. */
export function parseDate(text: string): number | undefined {
  const prefix = datePrefix(text);
  return prefix?.length === text.length ? prefix.days : undefined;
}

/**
 * Any of `2020-01-01T00:00:00.123456Z`, `2020-01-01 00:00:00.123456+00`, `2020-01-01T00:00:00.000-08:00`,
 * `2020-01-01 00:00:00`, `2020-01-01`; undefined if it is no timestamp. `infinity` is none: Delta has no such value.
 */
export function parseTimestamp(text: string): ParsedTimestamp | undefined {
  const date = datePrefix(text);
  if (date === undefined) return undefined;
  const base = BigInt(date.days) * 86_400_000_000n;
  const rest = text.slice(date.length);
  if (rest === '') return { micros: base, zoned: false };
  const time = TIME.exec(rest);
  if (time === null) return undefined;
  const [all, hour, minute, second = '0', fraction = ''] = time;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const micros = base + BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
  const zoneText = rest.slice(all.length);
  if (zoneText === '') return { micros, zoned: false };
  const zone = ZONE.exec(zoneText);
  if (zone === null) return undefined;
  const [, utc, sign, hours, minutes = '0', offsetSeconds = '0'] = zone;
  if (utc !== undefined) return { micros, zoned: true };
  const offset = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(offsetSeconds)) * 1_000_000n;
  return { micros: sign === '-' ? micros + offset : micros - offset, zoned: true };
}

function yearText(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, '0');
  return year < 0 ? `-${digits}` : digits;
}

/** `YYYY-MM-DD`, the text that DuckDB casts to DATE; years before 0 with a minus sign. */
export function formatDate(days: number): string {
  const date = new Date(days * DAY_MS);
  const month = String(date.getUTCMonth() + 1).padStart(2, '0');
  return `${yearText(date.getUTCFullYear())}-${month}-${String(date.getUTCDate()).padStart(2, '0')}`;
}

/** `YYYY-MM-DD<separator>HH:MM:SS` and `digits` fraction digits (0, 3 or 6; the rest is cut off, towards the past). */
export function formatTimestamp(micros: bigint, separator: ' ' | 'T', digits: 0 | 3 | 6): string {
  const days = floorDivide(micros, 86_400_000_000n);
  const inDay = micros - days * 86_400_000_000n;
  const seconds = Number(inDay / 1_000_000n);
  const pad = (value: number) => String(value).padStart(2, '0');
  const clock = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  const fraction =
    digits === 0
      ? ''
      : `.${String(inDay % 1_000_000n)
          .padStart(6, '0')
          .slice(0, digits)}`;
  return `${formatDate(Number(days))}${separator}${clock}${fraction}`;
}

/** `a / b` rounded towards minus infinity, for `b > 0`. */
export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}
