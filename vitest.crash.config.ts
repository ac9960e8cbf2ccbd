import { defineConfig } from 'vitest/config';

/** Kills, races, bad input and memory, all through the built CLI. `CRASH_KILLS` is how many times the kill test kills. */
export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    globalSetup: ['test/build.ts'],
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
    // The tests time processes and load both cores by themselves.
    fileParallelism: false,
  },
});
