// The extraction of one table of PostgreSQL into a Parquet file, beside `psql -c "COPY … TO STDOUT"` thrown away. Starts a server of its own.
//   node bench/postgres.mjs [rows] [rounds]
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { median, root, withFolder } from './support.mjs';

const count = Number(process.argv[2] ?? 5_000_000);
const rounds = Number(process.argv[3] ?? 3);
const debian = '/usr/lib/postgresql';
const newest = existsSync(debian) ? readdirSync(debian).sort((a, b) => b - a)[0] : undefined;
const program = (name) => (newest === undefined ? name : join(debian, newest, 'bin', name));
const child = join(root, 'test', 'services', 'postgres-child.mjs');

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Runs `work` with a server on a loopback port, which refuses to be run as root. */
async function withServer(folder, work) {
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  const user = process.getuid() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = { ...user, cwd: folder, stdio: 'ignore' };
  execFileSync(
    program('initdb'),
    ['-D', data, '-U', 'postgres', '--auth', 'trust', '-E', 'UTF8', '--no-sync'],
    options,
  );
  const port = await freePort();
  const settings = { fsync: 'off', max_wal_size: '8GB', listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(program('postgres'), ['-D', data, '-p', String(port), ...flags], options);
  const ended = new Promise((resolve) => server.on('close', resolve));
  const env = { ...process.env, PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'postgres', PGDATABASE: 'postgres' };
  const psql = (sql) => {
    const { status, stderr } = spawnSync(program('psql'), ['-qc', sql], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    return status === 0 ? undefined : stderr;
  };
  try {
    for (let tries = 0; psql('SELECT 1') !== undefined && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await work({ port, psql });
  } finally {
    server.kill('SIGQUIT');
    await ended;
  }
}

const TABLE = `
  CREATE TABLE bench AS
  SELECT i AS id, (i * 7919 % 1000003)::integer AS amount, (i * 31 % 1000000 / 137.0)::numeric(14,4) AS price, date '2015-01-01' + (i % 3650)::integer AS day,
    lpad((i % 100000)::text, 5, '0') AS code, timestamptz '2020-01-01' + make_interval(secs => i % 100000000) AS seen_at,
    CASE WHEN i % 10 > 0 THEN 'customer ' || (i % 5000) || ', street ' || (i % 97) END AS note, i % 3 = 0 AS flag, i::float8 / 3 AS ratio
  FROM generate_series(1, ${count}::bigint) AS i`;

/** Milliseconds of `psql`, and what one extraction says of itself. */
function round({ port, psql }, { built, scratch }) {
  const started = performance.now();
  const problem = psql('COPY (SELECT * FROM bench) TO STDOUT');
  if (problem !== undefined) throw new Error(problem);
  const copy = performance.now() - started;
  const connection = {
    host: '127.0.0.1',
    port,
    database: 'postgres',
    user: 'postgres',
    ssl: { mode: 'disable' },
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 0,
    lockTimeoutMs: 0,
    idleTimeoutMs: 0,
    attempts: 1,
  };
  const request = { from: { schema: 'public', table: 'bench' }, executionDate: '2026-01-01' };
  const given = JSON.stringify({ built, connection, request, scratch });
  return { copy, ...JSON.parse(execFileSync('node', [child, given], { encoding: 'utf8' })) };
}

await withFolder(async (folder) => {
  // Below the checkout, where the built code finds its packages and its SQL.
  const built = join(root, 'node_modules', '.cache', `lakeledger-bench-${process.pid}`);
  const sources = ['src/sources/postgres/postgres-session.ts', 'src/duckdb/session.ts'];
  const options = ['--no-config', '--format', 'esm', '--no-dts', '--out-dir', built, '--log-level', 'error'];
  execFileSync('npx', ['tsdown', ...sources, ...options], { cwd: root, stdio: 'ignore' });
  const server = join(folder, 'server');
  const scratch = join(folder, 'scratch');
  mkdirSync(server);
  mkdirSync(scratch);
  // The user of the server goes through it.
  execFileSync('chmod', ['755', folder]);
  try {
    await withServer(server, async (running) => {
      const problem = running.psql(TABLE);
      if (problem !== undefined) throw new Error(problem);
      const results = Array.from({ length: rounds }, () => round(running, { built, scratch }));
      const of = (value) => median(results.map(value));
      const copy = of((one) => one.copy);
      const line = (name, ms) =>
        console.log(
          `${name.padEnd(34)}${(ms / 1000).toFixed(2).padStart(7)} s${(ms / copy).toFixed(2).padStart(7)} x${((count / ms) * 1000).toFixed(0).padStart(10)} rows/s`,
        );
      console.log(`${count} rows, ${(results[0].bytes / 1e6).toFixed(0)} MB of text`);
      line('psql COPY TO STDOUT, thrown away', copy);
      line(
        'extraction, until all rows came',
        of(({ ms }) => ms.pull),
      );
      line(
        'extraction, Parquet and hashes',
        of(({ ms }) => ms.write),
      );
      line(
        'extraction',
        of(({ ms }) => ms.pull + ms.write),
      );
      console.log(`peak memory ${Math.max(...results.map(({ peakMb }) => peakMb))} MB`);
    });
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
});
