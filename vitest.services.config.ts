import { defineConfig } from 'vitest/config';

/** Against real servers of other makers on this machine; `test/services/setup-*.sh` install them. */
export default defineConfig({
  test: {
    include: ['test/services/**/*.test.ts'],
    globalSetup: ['test/build.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
