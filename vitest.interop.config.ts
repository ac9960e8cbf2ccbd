import { defineConfig } from 'vitest/config';

/** Tables go back and forth between this package, delta-rs, Spark and delta-kernel-rs; `test/interop/setup-*.sh` install these. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    globalSetup: ['test/interop/setup.ts', 'test/build.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    // One process for all files, so that Spark starts once.
    isolate: false,
    // Spark works on two tables at a time, and the others on more.
    maxConcurrency: 4,
  },
});
