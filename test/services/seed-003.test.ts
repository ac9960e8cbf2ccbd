import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ResolvedSource, resolveSource, sourceSchema } from '../../src/ingest/config/source-config.js';
import type { DatePolicy, Lake } from '../../src/lake.js';
import { BrokenProxy } from '../support/broken-proxy.js';
import { openLake } from '../support/lake.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { describeSftp, SftpServer } from '../support/sftp-server.js';
import { tempFolder } from '../support/temp-folder.js';

const calendar = { weekdays: new Set(['mon', 'tue', 'wed', 'thu', 'fri'] as const), holidays: new Set<string>() };
const POLICIES: readonly DatePolicy[] = ['table', 'drop', 'files'].map((name) => ({
  name,
  enabled: true,
  startDate: '2026-03-02',
  group: 'default',
  calendar,
}));
/** Monday to Friday. */
const [MON, TUE, WED, THU, FRI] = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05', '2026-03-06'] as const;

async function datesOf(lake: Lake) {
  const { sources, groups } = await lake.discoverNextBusinessDate(POLICIES);
  return {
    next: groups[0]?.next,
    by: groups[0]?.heldBackBy,
    gaps: Object.fromEntries(sources.map(({ source, gaps }) => [source, gaps])),
    last: Object.fromEntries(
      await Promise.all(POLICIES.map(async ({ name }) => [name, await lake.discoverLatestSuccessfulDate(name)])),
    ),
  };
}

describeSftp('seed 003: three real sources', () => {
  let server: PostgresServer;
  let sftp: SftpServer;
  beforeAll(async () => {
    if (postgresMissing() !== undefined) return;
    server = await PostgresServer.start();
    sftp = await SftpServer.start();
    mkdirSync(join(sftp.root, 'out'));
    await server.sql(`CREATE TABLE stock (id int PRIMARY KEY, pieces int); INSERT INTO stock VALUES (1, 10), (2, 20)`);
  }, 120_000);
  afterAll(async () => {
    await server?.remove();
    await sftp?.stop();
  });

  it.skipIf(postgresMissing() !== undefined)(
    'the next date, the gaps and the decisions are right at every step',
    async () => {
      const folder = tempFolder();
      mkdirSync(join(folder, 'in'));
      const database = await BrokenProxy.start(server.port);
      const files = await BrokenProxy.start(sftp.port);
      const compact = (date: string) => date.replaceAll('-', '');
      const drop = (date: string, text: string) =>
        writeFileSync(join(sftp.root, 'out', `prices-${compact(date)}.csv`), text);
      const local = (date: string, text: string) =>
        writeFileSync(join(folder, 'in', `sales-${compact(date)}.csv`), text);
      const resolve = (name: string, written: object, connection?: object) =>
        resolveSource(name, sourceSchema.parse(written), {
          folder,
          ...(connection === undefined ? {} : { connection: connection as never }),
        });
      const shop = {
        type: 'postgres',
        name: 'shop',
        server: { ...server.connection(), host: '127.0.0.1', port: database.port },
      };
      const partner = { type: 'sftp', name: 'partner', root: sftp.root, server: sftp.connection({ port: files.port }) };
      const sources: ResolvedSource[] = [
        await resolve('table', { connection: 'shop', table: 'stock', key: 'id' }, shop),
        await resolve(
          'drop',
          { connection: 'partner', path: 'out/*.csv', into: 'bronze.prices', business_date: 'prices-{yyyyMMdd}' },
          partner,
        ),
        await resolve('files', { path: 'in/*.csv', into: 'bronze.sales', business_date: 'sales-{yyyyMMdd}' }),
      ];
      const [table, , locals] = sources as [ResolvedSource, ResolvedSource, ResolvedSource];
      const lake = await openLake({ root: join(folder, 'lake') });
      const run = async (date: string, some: readonly ResolvedSource[] = sources, more = {}) => {
        const result = await lake.ingest({ sources: some, date, ...more });
        return Object.fromEntries(result.sources.map(({ source, status }) => [source, status]));
      };
      /** Bytes that came from the servers since the last time. */
      let before = 0;
      const traffic = () => {
        const now = [...database.given, ...files.given].reduce((sum, bytes) => sum + bytes, 0);
        const since = now - before;
        before = now;
        return since;
      };

      // Nothing yet: the start date.
      expect(await datesOf(lake)).toMatchObject({ next: MON, by: ['table', 'drop', 'files'] });

      // Monday: all three.
      for (const deliver of [drop, local]) deliver(MON, 'id,v\n1,1\n');
      expect(await run(MON)).toEqual({ table: 'success', drop: 'success', files: 'success' });
      expect(await datesOf(lake)).toMatchObject({ next: TUE, last: { table: MON, drop: MON, files: MON } });

      // Tuesday: the drop lags behind.
      local(TUE, 'id,v\n2,2\n');
      expect(await run(TUE)).toEqual({ table: 'success', drop: 'skipped', files: 'success' });
      expect(await datesOf(lake)).toMatchObject({
        next: TUE,
        by: ['drop'],
        last: { table: TUE, drop: MON, files: TUE },
      });

      // A date that has succeeded is not even connected to.
      traffic();
      await database.close();
      expect(await lake.ingest({ sources: [table], date: TUE })).toMatchObject({ status: 'skipped' });
      expect(traffic()).toBe(0);

      // Wednesday: the database is away in the middle of the run; the others go on.
      drop(TUE, 'id,v\n2,2\n');
      drop(WED, 'id,v\n3,3\n');
      local(WED, 'id,v\n3,3\n');
      expect(await run(TUE)).toMatchObject({ drop: 'success' });
      expect(await run(WED)).toEqual({ table: 'failed', drop: 'success', files: 'success' });
      expect(await datesOf(lake)).toMatchObject({ next: WED, by: ['table'], last: { table: TUE, drop: WED } });

      // Somebody goes on with Thursday all the same: a day is missing behind the newest.
      drop(THU, 'id,v\n4,4\n');
      local(THU, 'id,v\n4,4\n');
      const direct = await resolve(
        'table',
        { connection: 'shop', table: 'stock', key: 'id' },
        { ...shop, server: server.connection() },
      );
      const now = [direct, ...sources.slice(1)];
      expect(await run(THU, now)).toEqual({ table: 'success', drop: 'success', files: 'success' });
      expect(await datesOf(lake)).toMatchObject({
        next: WED,
        by: ['table'],
        gaps: { table: [WED], drop: [], files: [] },
        last: { table: THU, drop: THU, files: THU },
      });
      // The gap is filled first; who has the date already is skipped or has nothing to do.
      expect(await run(WED, now)).toEqual({ table: 'success', drop: 'skipped', files: 'skipped' });
      expect(await datesOf(lake)).toMatchObject({ next: FRI, gaps: { table: [], drop: [], files: [] } });

      // A forced run of a date that had succeeded fails: the success stands.
      const failing = lake.ingest({ sources: [table], date: THU, rerun: true });
      await expect(failing).rejects.toMatchObject({ code: 'CONNECTION', exitCode: 3 });
      expect(await datesOf(lake)).toMatchObject({ next: FRI, last: { table: THU } });
      expect(await run(THU, [table])).toEqual({ table: 'skipped' });
      const runs = await lake.select(
        `SELECT status FROM metadata.ingestion_run WHERE source_name = 'table' AND execution_date = '${THU}' ORDER BY started_at`,
      );
      expect(runs.rows.map(({ status }) => status)).toEqual(['success', 'failed', 'skipped']);

      // A manifest becomes unreadable: never a success, and run again.
      const place = join(folder, 'lake', '_manifests', 'source=table', `ingest_date=${TUE}`);
      for (const name of readdirSync(place)) writeFileSync(join(place, name), '{"status": "success"');
      expect(await datesOf(lake)).toMatchObject({ next: TUE, by: ['table'], gaps: { table: [TUE] } });
      const again = await lake.ingest({ sources: [direct], date: TUE });
      expect(again).toMatchObject({ status: 'success', warnings: [expect.stringContaining('cannot be read')] });
      expect(await datesOf(lake)).toMatchObject({ next: FRI, gaps: { table: [] } });

      // Only the lake is left, and it is somewhere else.
      const expected = await datesOf(lake);
      const moved = join(tempFolder(), 'moved');
      cpSync(join(folder, 'lake'), moved, { recursive: true });
      for (const name of ['lake', 'in']) rmSync(join(folder, name), { recursive: true });
      const left = await openLake({ root: moved });
      expect(await datesOf(left)).toEqual(expected);
      expect(await left.ingest({ sources: [table], date: THU })).toMatchObject({ status: 'skipped' });
      expect(await left.select('SELECT count(*) AS n FROM bronze.sales')).toMatchObject({ rows: [{ n: 4n }] });
      // The whole stock of each day, once.
      const stock = await left.select(
        'SELECT _ingest_date::VARCHAR AS d, count(*) AS n FROM bronze.shop_stock GROUP BY ALL ORDER BY ALL',
      );
      expect(stock.rows).toEqual([MON, TUE, WED, THU].map((d) => ({ d, n: 2n })));
      expect(await (await left.state()).verify({ depth: 'full' })).toMatchObject({ clean: true });
      mkdirSync(join(folder, 'in'));
      local(FRI, 'id,v\n5,5\n');
      drop(FRI, 'id,v\n5,5\n');
      const friday = await left.ingest({ sources: [direct, sources[1] as ResolvedSource, locals], date: FRI });
      expect(friday.sources.map(({ status }) => status)).toEqual(['success', 'success', 'success']);
      expect((await left.discoverNextBusinessDate(POLICIES)).groups[0]?.next).toBe('2026-03-09');
      await files.close();
    },
  );
});
