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
    // While one engine is busy with a table, the others work on two more.
    maxConcurrency: 3,
  },
});
