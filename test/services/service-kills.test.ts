import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../crash/cli.js';
import { openLake } from '../support/lake.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { describeSftp, SftpServer } from '../support/sftp-server.js';
import { differences, doubled } from '../support/shop.js';
import { tempFolder } from '../support/temp-folder.js';

/** How often the run is killed. */
const KILLS = Number(process.env['CRASH_KILLS'] ?? 25);
const ROWS = 60_000;
const FILES = 6;

/** A run that is killed somewhere: while it reads, downloads, writes, commits, or says how it ended. */
function configOf(server: PostgresServer, sftp: SftpServer): string {
  return `connections:
  shop: {type: postgres, port: ${server.port}, database: shop, user: reader, password: '\${file:password}'}
  partner: {type: sftp, host: 127.0.0.1, port: ${sftp.port}, user: ${sftp.user}, private_key: '\${file:key}', host_key: '${sftp.fingerprint()}', root: '${sftp.root}'}
sources:
  orders: {connection: shop, table: killed_orders, key: id, load: incremental, watermark: updated_at, skip_if_success: false, into: bronze.orders}
  items: {connection: shop, table: killed_items, key: id, deletes: tombstone, skip_if_success: false, into: bronze.items}
  drop: {connection: partner, path: 'out/*.csv', into: bronze.drop, keep_raw: true, skip_if_success: false}
`;
}

/** The content of a delivered file: its number, its version and so many rows. */
function content(file: number, version: number): string {
  const rows = Array.from({ length: 2000 + 100 * version }, (_, i) => `${file},${version},${i},${'x'.repeat(60)}`);
  return `file,version,n,text\n${rows.join('\n')}\n`;
}

describeSftp('databases and servers of files, with the power cut', () => {
  let server: PostgresServer;
  let sftp: SftpServer;
  beforeAll(async () => {
    if (postgresMissing() !== undefined) return;
    server = await PostgresServer.start();
    sftp = await SftpServer.start();
    await server.sql(`
      CREATE TABLE killed_orders (id bigserial PRIMARY KEY, v int, text text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      INSERT INTO killed_orders (v, text) SELECT n, 'order ' || n FROM generate_series(1, ${ROWS}) AS n;
      CREATE TABLE killed_items (id int PRIMARY KEY, v int);
      INSERT INTO killed_items SELECT n, n FROM generate_series(1, 500) AS n;`);
  }, 120_000);
  afterAll(async () => {
    await server?.remove();
    await sftp?.stop();
  });

  it.skipIf(postgresMissing() !== undefined)(`after ${KILLS} kills every row is there once`, async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'password'), 'reader-secret');
    writeFileSync(join(folder, 'key'), sftp.key('ed25519'));
    writeFileSync(join(folder, 'lakeledger.yaml'), configOf(server, sftp));
    mkdirSync(join(sftp.root, 'out'));
    const versions = Array.from({ length: FILES }, () => 0);
    let clock = Date.now() - 3_600_000;
    const deliver = (file: number) => {
      const path = join(sftp.root, 'out', `${file}.csv`);
      writeFileSync(path, content(file, versions[file] ?? 0));
      clock += 2000;
      utimesSync(path, new Date(clock), new Date(clock));
    };
    for (let file = 0; file < FILES; file++) deliver(file);
    const ends = { killed: 0, whole: 0 };
    // How long an undisturbed run takes here says when to kill.
    let usual = 8000;
    for (let kill = 0; kill < KILLS; kill++) {
      const started = Date.now();
      const end = await runCli(['ingest', '-q'], { cwd: folder, killAfter: 150 + Math.random() * usual });
      if (end.signal === 'SIGKILL') ends.killed++;
      else {
        expect(end, end.stderr).toMatchObject({ code: 0 });
        ends.whole++;
        usual = Date.now() - started;
      }
      if (kill % 2 === 0) {
        await server.sql(`UPDATE killed_orders SET v = v + 1, updated_at = clock_timestamp() WHERE id % 500 = ${kill}`);
        await server.sql(`INSERT INTO killed_orders (v, text) SELECT n, 'new' FROM generate_series(1, 50) AS n`);
        await server.sql(`DELETE FROM killed_items WHERE id = ${kill + 1}`);
        versions[kill % FILES] = (versions[kill % FILES] ?? 0) + 1;
        deliver(kill % FILES);
      }
    }
    const last = await runCli(['ingest', '-q'], { cwd: folder });
    expect(last, last.stderr).toMatchObject({ code: 0 });
    console.log(`killed ${ends.killed} times, ${ends.whole} runs came to their end`);
    expect(ends.killed).toBeGreaterThan(KILLS / 4);

    const lake = await openLake({ root: join(folder, 'lake') });
    const columns = ['id', 'v', 'text', 'updated_at'];
    const orders = { table: 'killed_orders', target: 'bronze.orders', columns, key: 'id' };
    expect(await differences(lake, server, orders)).toMatchObject({ missing: 0, extra: 0 });
    expect(await doubled(lake, 'bronze.orders', 'id')).toBe(0);
    const items = { table: 'killed_items', target: 'bronze.items', columns: ['id', 'v'], key: 'id' };
    expect(await differences(lake, server, items)).toMatchObject({ missing: 0, extra: 0 });
    const gone = await lake.select('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM bronze.items WHERE _deleted');
    expect(gone.rows[0]?.['n']).toBe(gone.rows[0]?.['ids']);
    const { rows } = await lake.select(
      'SELECT file, min(version) AS v, max(version) AS w, count(*) AS n, count(DISTINCT n) AS d FROM bronze.drop GROUP BY ALL ORDER BY file',
    );
    const wanted = versions.map((v, file) => {
      const n = BigInt(2000 + 100 * v);
      return { file: BigInt(file), v: BigInt(v), w: BigInt(v), n, d: n };
    });
    expect(rows).toEqual(wanted);
    // The bytes of every raw copy too.
    const { findings } = await (await lake.state()).verify({ depth: 'full' });
    expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
    const before = await lake.catalog.table('bronze.orders').snapshot();
    expect(await runCli(['ingest', 'orders', 'drop', '-q'], { cwd: folder })).toMatchObject({ code: 0 });
    expect((await lake.catalog.table('bronze.orders').snapshot()).version).toBe(before.version);
  });
});
