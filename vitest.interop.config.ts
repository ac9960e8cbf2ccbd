import { defineConfig } from 'vitest/config';

/** Tables go back and forth between this package and delta-rs; `test/interop/setup-python.sh` installs the latter. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    globalSetup: ['test/interop/setup.ts', 'test/build.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
