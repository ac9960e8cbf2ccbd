import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { cli: 'src/cli/main.ts', index: 'src/index.ts', delta: 'src/delta/index.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outExtensions: () => ({ js: '.js', dts: '.d.ts' }),
  dts: true,
  clean: true,
  minify: false,
  // Bundled so that a cold start reads a few files instead of hundreds (docs/adr/0004).
  noExternal: ['yargs', 'zod', 'yaml', 'picocolors'],
  external: ['@duckdb/node-api'],
});
