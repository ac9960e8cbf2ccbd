/** Where time and randomness enter; tests pass their own. */
export interface Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
}

export const systemClock: Clock = { now: () => Date.now(), random: () => Math.random() };

/** Milliseconds since the epoch as ISO 8601, UTC, with the six fraction digits that events have. */
export function eventTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** The UTC day of milliseconds since the epoch, `YYYY-MM-DD`. */
export function utcDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Full-jitter back-off in milliseconds for attempt 0, 1, 2 … (AWS "Exponential Backoff And Jitter"). */
export function backoff(clock: Clock, attempt: number, capMs = 1000): number {
  return clock.random() * Math.min(capMs, 5 * 2 ** Math.min(attempt, 16));
}
