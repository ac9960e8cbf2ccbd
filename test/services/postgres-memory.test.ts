import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { repositoryRoot } from '../support/repository.js';
import { tempFolder } from '../support/temp-folder.js';
import { isMissing, table, usePostgres } from './postgres-desk.js';

const ROWS = Number(process.env['POSTGRES_ROWS'] ?? 5_000_000);
const LIMIT_MB = 600;
/** Below the checkout, where the built code finds its packages and its SQL. */
const BUILT = join(repositoryRoot, 'node_modules', '.cache', `lakeledger-postgres-${process.pid}`);
const CHILD = fileURLToPath(new URL('postgres-child.mjs', import.meta.url));

const server = usePostgres();

interface Measured {
  readonly rows: number;
  readonly bytes: number;
  readonly fingerprint: string;
  readonly ms: { readonly pull: number; readonly write: number };
  readonly peakMb: number;
}

async function measure(name: string): Promise<Measured> {
  const request = { from: table(name), executionDate: '2026-11-28' };
  const connection = { ...server().connection(), statementTimeoutMs: 600_000 };
  const given = JSON.stringify({ built: BUILT, connection, request, scratch: tempFolder() });
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, given]);
  return JSON.parse(stdout) as Measured;
}

/** Milliseconds of `psql` for the same rows, thrown away; undefined without `psql`. */
function timePsql(name: string): number | undefined {
  const psql = server().psql();
  if (psql === undefined) return undefined;
  const started = performance.now();
  const args = ['-qc', `COPY (SELECT * FROM ${name}) TO STDOUT`];
  const { status } = spawnSync(psql.program, args, { env: psql.env, stdio: ['ignore', 'ignore', 'inherit'] });
  return status === 0 ? performance.now() - started : undefined;
}

it.skipIf(isMissing || !existsSync('/proc/self/status'))(
  `${ROWS.toLocaleString('en')} rows, and wide ones, are extracted in less than ${LIMIT_MB} MB`,
  async () => {
    const sources = ['src/sources/postgres/postgres-session.ts', 'src/duckdb/session.ts'];
    const options = ['--no-config', '--format', 'esm', '--no-dts', '--out-dir', BUILT, '--log-level', 'error'];
    execFileSync('npx', ['tsdown', ...sources, ...options], { cwd: repositoryRoot, stdio: 'ignore' });
    try {
      await server().sql(`
        CREATE TABLE large AS
        SELECT i AS id, (i * 7919 % 1000003)::integer AS amount, (i * 31 % 1000000 / 137.0)::numeric(14,4) AS price, date '2015-01-01' + (i % 3650)::integer AS day,
          lpad((i % 100000)::text, 5, '0') AS code, timestamptz '2020-01-01' + make_interval(secs => i % 100000000) AS seen_at,
          CASE WHEN i % 10 > 0 THEN 'customer ' || (i % 5000) || ', street ' || (i % 97) END AS note, i % 3 = 0 AS flag, i::float8 / 3 AS ratio
        FROM generate_series(1, ${ROWS}::bigint) AS i;
        CREATE TABLE wide AS
        SELECT i AS id, repeat(md5(i::text) || E'\\n', 1500) AS a, repeat('é"\\' || i, 3000) AS b FROM generate_series(1, 10000) AS i;
        CREATE TABLE huge AS SELECT i AS id, repeat(md5(i::text), 60000) AS a FROM generate_series(1, 500) AS i;`);
      const expected = { large: ROWS, wide: 10_000, huge: 500 };
      for (const [name, wanted] of Object.entries(expected)) {
        const psql = timePsql(name);
        const { rows, bytes, ms, peakMb } = await measure(name);
        const total = ms.pull + ms.write;
        const beside = psql === undefined ? '' : `, psql alone ${psql.toFixed(0)} ms (${(total / psql).toFixed(1)} x)`;
        console.log(
          `${name}: ${rows} rows, ${(bytes / 1e6).toFixed(0)} MB in ${ms.pull.toFixed(0)} ms + ${ms.write.toFixed(0)} ms, ${((rows / total) * 1000).toFixed(0)} rows/s, peak ${peakMb} MB${beside}`,
        );
        expect(rows).toBe(wanted);
        expect(peakMb).toBeGreaterThan(50);
        expect(peakMb, name).toBeLessThan(LIMIT_MB);
      }
    } finally {
      rmSync(BUILT, { recursive: true, force: true });
    }
  },
);
