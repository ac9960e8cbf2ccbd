import { usageError } from '../base/lake-error.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TIME = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/** Reads a point in time: a day or an ISO 8601 time (UTC unless it says otherwise), or how long ago: `30m`, `2h`, `7d`. */
export function parseTime(text: string, at: { readonly flag: string; readonly now: number }): string {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return new Date(at.now - Number(amount) * (UNIT_MS[unit] ?? 0)).toISOString();
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10)) || text.length <= 10 ? text : `${text}Z`;
  const time = TIME.test(text) ? Date.parse(zoned.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(time)) {
    throw usageError(`${at.flag} is a time, not "${text}"`, {
      hint: `${at.flag} 2026-03-01, ${at.flag} 2026-03-01T12:00:00Z, or ${at.flag} 2h for two hours ago`,
    });
  }
  return new Date(time).toISOString();
}
