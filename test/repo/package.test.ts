import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, readText, repositoryRoot } from '../support/repository.js';
import { tempFolder } from '../support/temp-folder.js';

interface Manifest {
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | Record<string, string>>;
  readonly dependencies: Record<string, string>;
}

const manifest = JSON.parse(readText('package.json')) as Manifest;

describe('the package', () => {
  it('packs only what runs', () => {
    const printed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [packed] = JSON.parse(printed) as [{ files: { path: string }[]; unpackedSize: number }];
    const paths = packed.files.map((file) => file.path);
    const allowed =
      /^(dist\/[\w.-]+\.(js|d\.ts)|sql\/.+\.(sql|lock\.json)|fixtures\/.+|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
    expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
    for (const wanted of [
      'LICENSE',
      'dist/cli.js',
      'dist/demo.js',
      'dist/index.d.ts',
      'fixtures/demo/second-delivery.ndjson',
    ]) {
      expect(paths).toContain(wanted);
    }
    expect(paths.filter((path) => path.startsWith('sql/')).sort()).toEqual(filesBelow('sql').sort());
    expect(packed.unpackedSize).toBeLessThan(3_000_000);
  });

  it('has in dist/ everything that package.json names', () => {
    const targets = [...Object.values(manifest.bin), ...Object.values(manifest.exports)].flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    );
    expect(targets.filter((target) => !existsSync(join(repositoryRoot, target)))).toEqual([]);
    for (const program of Object.values(manifest.bin)) {
      expect(readText(program)).toMatch(/^#!\/usr\/bin\/env node\n/);
      expect(statSync(join(repositoryRoot, program)).mode & 0o111).not.toBe(0);
    }
  });

  it('can be imported by its name, and Delta alone', () => {
    const script = `
      import { Lake, LakeError } from 'lakeledger';
      import { DeltaTable, schemaFromDuckdb } from 'lakeledger/delta';
      process.stdout.write([Lake, LakeError, DeltaTable, schemaFromDuckdb].map((x) => typeof x).join());`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    });
    expect(printed).toBe('function,function,function,function');
  });

  it('does as a library what README shows', () => {
    const [, shown = ''] = /^```ts\n([\s\S]*?)^```/m.exec(readText('README.md')) ?? [];
    const script =
      `${shown}process.stdout.write(String(inserted) + JSON.stringify(rows.map((row) => Number(row.files))));`
        .replace("'lake'", JSON.stringify(join(tempFolder(), 'lake')))
        .replace("'manifests'", "'fixtures/manifests'");
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    });
    const [, inserted, files] = /^(\d+)(\[.*\])$/.exec(printed) ?? [];
    expect(Number(inserted)).toBeGreaterThan(0);
    expect((JSON.parse(files ?? '[]') as number[]).reduce((sum, n) => sum + n, 0)).toBe(Number(inserted));
  });

  it('loads nothing but Node, DuckDB and the drivers from outside', () => {
    const outside = filesBelow('dist', '.js').flatMap((path) =>
      [
        ...readText(path).matchAll(
          /^(?:import|export)\b[^'"]*?from\s*["']([^."'][^"']*)["']|\bimport\(["']([^."'][^"']*)["']\)/gm,
        ),
      ].map(([, fixed, lazy]) => fixed ?? lazy ?? ''),
    );
    const builtin = /^(node:|assert$|fs$|path$|url$|process$|util$)/;
    const found = new Set(outside.filter((name) => !builtin.test(name)));
    expect([...found].sort()).toEqual(['@duckdb/node-api', 'pg', 'pg-copy-streams', 'ssh2']);
    // The drivers wait until a source needs them.
    const eager = filesBelow('dist', '.js').flatMap((path) => [
      ...readText(path).matchAll(/^import\b.*\bfrom\s*["'](pg|pg-copy-streams|ssh2)["']/gm),
    ]);
    expect(eager.map(([line]) => line)).toEqual([]);
  });

  it('pins its dependencies, and the lock file names no registry', () => {
    for (const version of Object.values(manifest.dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(readText('package-lock.json')).not.toContain('"resolved"');
  });
});
