const MILLISECONDS: Readonly<Record<string, number>> = {
  week: 7 * 86_400_000,
  day: 86_400_000,
  hour: 3_600_000,
  minute: 60_000,
  second: 1000,
  millisecond: 1,
  microsecond: 0.001,
};

/**
 * Milliseconds of a table property such as `interval 1 week` or `2 days 12 hours` (Spark's calendar intervals; months and
 * years have no fixed length and are none); undefined for anything else.
 */
export function parseInterval(text: string | undefined): number | undefined {
  const [, parts = ''] = /^\s*(?:interval\s+)?((?:\d+\s+[a-z]+\s*)+)$/i.exec(text ?? '') ?? [];
  let sum = 0;
  for (const [, count, unit = ''] of parts.matchAll(/(\d+)\s+([a-z]+)/gi)) {
    const length = MILLISECONDS[unit.toLowerCase().replace(/s$/, '')];
    if (length === undefined) return undefined;
    sum += Number(count) * length;
  }
  return parts === '' ? undefined : sum;
}
