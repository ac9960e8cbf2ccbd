/** Where time and randomness enter; tests pass their own. */
export interface Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
}

export const systemClock: Clock = { now: () => Date.now(), random: () => Math.random() };

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Full-jitter back-off in milliseconds for attempt 0, 1, 2 … (AWS "Exponential Backoff And Jitter"). */
export function backoff(clock: Clock, attempt: number, capMs = 1000): number {
  return clock.random() * Math.min(capMs, 5 * 2 ** Math.min(attempt, 16));
}
