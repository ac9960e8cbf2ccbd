import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { cli: 'src/cli/main.ts', demo: 'src/cli/demo.ts', index: 'src/index.ts', delta: 'src/delta/index.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outExtensions: () => ({ js: '.js', dts: '.d.ts' }),
  dts: true,
  clean: true,
  minify: false,
  deps: {
    // Bundled so that a cold start reads a few files instead of hundreds (docs/adr/0004-bundled-cli.md).
    alwaysBundle: ['yargs', 'zod', 'yaml', 'picocolors', 'fzstd'],
    // Have native parts, or are loaded by few commands only.
    neverBundle: ['@duckdb/node-api', 'pg', 'pg-copy-streams', 'ssh2'],
  },
});
