import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runMeasured } from '../crash/peak-memory.js';
import { openLake } from '../support/lake.js';
import { tempFolder } from '../support/temp-folder.js';
import { isMissing, usePostgres } from './postgres-desk.js';

const ROWS = Number(process.env['POSTGRES_ROWS'] ?? 5_000_000);
/** What the first load takes at most, and one that compares every row with all that are there. */
const LIMIT_MB = { first: 600, again: 900 };

const server = usePostgres();

it.skipIf(isMissing || !existsSync('/proc/self/status'))(
  `${ROWS.toLocaleString('en')} rows go from a table into Delta in less than ${LIMIT_MB.first} MB, and again as nothing new`,
  async () => {
    await server().sql(`
      CREATE TABLE many AS
      SELECT i AS id, (i * 7919 % 1000003)::integer AS amount, (i % 100000 / 137.0)::numeric(14,4) AS price,
        timestamptz '2020-01-01' + make_interval(secs => i % 100000000) AS seen_at, 'customer ' || (i % 5000) AS note
      FROM generate_series(1, ${ROWS}::bigint) AS i`);
    const folder = tempFolder();
    writeFileSync(join(folder, 'password'), 'reader-secret');
    writeFileSync(
      join(folder, 'lakeledger.yaml'),
      `connections:
  shop: {type: postgres, port: ${server().port}, database: shop, user: reader, password: '\${file:password}'}
sources:
  many: {connection: shop, table: many, key: id, load: incremental, watermark: seen_at, skip_if_success: false}
`,
    );
    const ingest = () => runMeasured(['ingest', '-o', 'json'], { cwd: folder });
    const first = await ingest();
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(first.stdout)).toMatchObject({ rows: ROWS });
    // From the beginning: every row is compared with what is there.
    const args = ['state', 'reset', 'many', '--reason', 'to compare all', '--yes'];
    expect(await runMeasured(args, { cwd: folder })).toMatchObject({ code: 0 });
    const again = await ingest();
    expect(again, again.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ rows: 0 });
    const psql = server().psql();
    const started = performance.now();
    if (psql !== undefined) {
      spawnSync(psql.program, ['-qc', 'COPY many TO STDOUT'], {
        env: psql.env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
    const alone = (performance.now() - started) / 1000;
    const told = ({ seconds, peak }: { seconds: number; peak: number }) =>
      `${seconds.toFixed(1)} s, ${peak.toFixed(0)} MB`;
    console.log(
      `${ROWS} rows: ${told(first)}; compared with all of them: ${told(again)}; psql COPY ${alone.toFixed(1)} s`,
    );
    expect(first.peak).toBeLessThan(LIMIT_MB.first);
    expect(again.peak).toBeLessThan(LIMIT_MB.again);
    const lake = await openLake({ root: join(folder, 'lake') });
    expect((await lake.select('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM bronze.shop_many')).rows).toEqual([
      { n: BigInt(ROWS), ids: BigInt(ROWS) },
    ]);
  },
);
