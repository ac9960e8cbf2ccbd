import { setImmediate } from 'node:timers/promises';

const HELD_MS = 50;
let last = performance.now();

/** Lets timers, signals and the progress line have their turn, when synchronous reads have held the process for long enough to be felt. */
export async function breathe(): Promise<void> {
  if (performance.now() - last < HELD_MS) return;
  await setImmediate();
  last = performance.now();
}
