/** Readers of `metaData.configuration` (PROTOCOL.md, "Table Properties"). A value that is no value of its kind counts as not set. */
type Configuration = Readonly<Record<string, string>>;

const DAY = 86_400_000;

const MILLISECONDS: Readonly<Record<string, number>> = {
  week: 7 * DAY,
  day: DAY,
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

/** Whether a property is `true`; `otherwise` when it is neither true nor false. */
export function booleanProperty(configuration: Configuration, name: string, otherwise: boolean): boolean {
  const text = configuration[name]?.trim().toLowerCase();
  return text === 'true' || (text !== 'false' && otherwise);
}

/** A whole number at or above 0, or undefined. */
export function countProperty(configuration: Configuration, name: string): number | undefined {
  const text = configuration[name]?.trim() ?? '';
  const value = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}

/** `delta.checkpointInterval` in commits; 10 when it is not a whole number above 0. */
export function checkpointInterval(configuration: Configuration): number {
  return countProperty(configuration, 'delta.checkpointInterval') || 10;
}

/** `delta.deletedFileRetentionDuration` in milliseconds: how long a removed file is kept; a week by default. */
export function deletedFileRetention(configuration: Configuration): number {
  return parseInterval(configuration['delta.deletedFileRetentionDuration']) ?? 7 * DAY;
}

/** `delta.logRetentionDuration` in milliseconds: how long old versions can be read; 30 days by default. */
export function logRetention(configuration: Configuration): number {
  return parseInterval(configuration['delta.logRetentionDuration']) ?? 30 * DAY;
}

/** `delta.enableExpiredLogCleanup`: whether writers delete expired log files after a checkpoint; true by default. */
export function logCleanupEnabled(configuration: Configuration): boolean {
  return booleanProperty(configuration, 'delta.enableExpiredLogCleanup', true);
}
