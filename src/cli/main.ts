#!/usr/bin/env node
import { runApp } from './app.js';

const interrupts = new Set<() => unknown>();
let interrupted = false;
/** How long an interrupted process may tidy up; whatever is left is repaired by the next run. */
const TIDY_MS = 500;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, async () => {
    interrupted = true;
    process.stderr.write('\ninterrupted; what was committed stays, run the same command again to finish\n');
    const tidy = Promise.allSettled([...interrupts].map(async (stop) => stop()));
    await Promise.race([tidy, new Promise((resolve) => setTimeout(resolve, TIDY_MS))]);
    process.exit(code);
  });
}
// A reader that has gone (`| head`) is noticed where the write is awaited; without a listener it would be an uncaught error.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

process.exitCode = await runApp(process.argv.slice(2), {
  io: {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
  },
  now: () => performance.now(),
  time: () => new Date().toISOString(),
  onInterrupt: (stop) => {
    interrupts.add(stop);
    return () => interrupts.delete(stop);
  },
  interrupted: () => interrupted,
});
