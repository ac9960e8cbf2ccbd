import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DatePolicy, IngestResult, Lake } from '../../src/lake.js';
import { runCli } from '../crash/cli.js';
import { BrokenProxy } from '../support/broken-proxy.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { deliver, partnerConnection, type ServiceConfig, shopConnection, writeConfig } from '../support/service-cli.js';
import { expectSound, manifestsOf, withLake } from '../support/service-lake.js';
import { describeSftp, SftpServer } from '../support/sftp-server.js';
import { tempFolder } from '../support/temp-folder.js';

const NAMES = ['visits', 'prices', 'sales'] as const;
type Name = (typeof NAMES)[number];
/** Monday to Friday, and the Monday after. */
const [MON, TUE, WED, THU, FRI, NEXT] = [
  '2026-03-02',
  '2026-03-03',
  '2026-03-04',
  '2026-03-05',
  '2026-03-06',
  '2026-03-09',
] as const;
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri'] as const;
const POLICIES: readonly DatePolicy[] = NAMES.map((name) => ({
  name,
  enabled: true,
  startDate: MON,
  group: 'default',
  calendar: { weekdays: new Set(WEEKDAYS), holidays: new Set<string>() },
}));
const DEAD_PORT = 1;
const ROWS = 20_000;

/** All that the run manifests say. */
interface Dates {
  readonly next: string | null | undefined;
  readonly by: readonly string[] | undefined;
  readonly gaps: Readonly<Record<string, readonly string[]>>;
  readonly last: Readonly<Record<string, string | null>>;
}

async function datesOf(lake: Lake): Promise<Dates> {
  const { sources, groups } = await lake.discoverNextBusinessDate(POLICIES);
  const last = await Promise.all(NAMES.map(async (name) => [name, await lake.discoverLatestSuccessfulDate(name)]));
  return {
    next: groups[0]?.next,
    by: groups[0]?.heldBackBy,
    gaps: Object.fromEntries(sources.map(({ source, gaps }) => [source, gaps])),
    last: Object.fromEntries(last),
  };
}

/** What the command says of a run, its exit code beside it. */
interface Told extends IngestResult {
  readonly code: number | null;
  readonly stderr: string;
}

const NO_GAPS = { visits: [], prices: [], sales: [] };
const all = (date: string) => ({ visits: date, prices: date, sales: date });

describeSftp('three sources and their business dates', () => {
  let database: PostgresServer;
  let files: SftpServer;
  beforeAll(async () => {
    if (postgresMissing() !== undefined) return;
    database = await PostgresServer.start();
    files = await SftpServer.start();
    await database.sql(`
      CREATE TABLE visits (id int PRIMARY KEY, day date NOT NULL, text text);
      INSERT INTO visits SELECT n, date '${MON}' + n % 14, repeat('x', 100) FROM generate_series(1, ${ROWS}) AS n`);
  });
  afterAll(async () => {
    await database?.remove();
    await files?.stop();
  });

  /** A folder with a configuration, and the servers behind proxies. */
  class Desk {
    readonly folder = tempFolder();
    readonly shop: BrokenProxy;
    readonly partner: BrokenProxy;
    readonly outgoing: string;

    constructor(shop: BrokenProxy, partner: BrokenProxy) {
      this.shop = shop;
      this.partner = partner;
      this.outgoing = join(files.root, 'outgoing');
      mkdirSync(this.outgoing, { recursive: true });
      this.configure();
    }

    static async open(): Promise<Desk> {
      return new Desk(await BrokenProxy.start(database.port), await BrokenProxy.start(files.port));
    }

    get lake(): string {
      return join(this.folder, 'lake');
    }

    /** Writes the configuration; servers are behind their proxies unless other ports are given. */
    configure({ shop, partner }: { readonly shop?: number; readonly partner?: number } = {}): void {
      const written: ServiceConfig = {
        connections: {
          shop: shopConnection(this.folder, database, shop ?? this.shop.port),
          partner: partnerConnection(this.folder, files, { root: this.outgoing, port: partner ?? this.partner.port }),
        },
        sources: {
          visits: {
            connection: 'shop',
            query: "SELECT id, day, text FROM visits WHERE day = current_setting('lakeledger.execution_date')::date",
            start_date: MON,
          },
          prices: {
            connection: 'partner',
            path: 'prices-*.csv',
            into: 'bronze.prices',
            business_date: 'prices-{yyyyMMdd}',
            start_date: MON,
          },
          sales: {
            path: 'in/*',
            into: 'bronze.sales',
            business_date: 'sales-{yyyyMMdd}',
            start_date: MON,
            skip_if_success: true,
          },
        },
        more: { calendar: { weekdays: [...WEEKDAYS] } },
      };
      writeConfig(this.folder, written);
    }

    price(date: string, rows = 3): void {
      const lines = Array.from({ length: rows }, (_, i) => `${date},${i},${'y'.repeat(100)}\n`);
      deliver(this.outgoing, `prices-${date.replaceAll('-', '')}.csv`, `day,n,text\n${lines.join('')}`);
    }

    sale(date: string, content = `[{"day": "${date}", "n": 1}]`): void {
      deliver(join(this.folder, 'in'), `sales-${date.replaceAll('-', '')}.json`, content);
    }

    async ingest(...args: string[]): Promise<Told> {
      const { code, stdout, stderr } = await runCli(['ingest', ...args, '-o', 'json'], { cwd: this.folder });
      return { ...JSON.parse(stdout === '' ? '{}' : stdout), code, stderr };
    }

    dates(): Promise<Dates> {
      return withLake(this.lake, datesOf);
    }

    /** Connections that were made to the servers so far. */
    get connections(): number {
      return this.shop.given.length + this.partner.given.length;
    }

    manifests(source: Name, date: string): string[] {
      const folder = join(this.lake, '_manifests', `source=${source}`, `ingest_date=${date}`);
      return readdirSync(folder).map((name) => join(folder, name));
    }

    async close(): Promise<void> {
      await this.shop.close();
      await this.partner.close();
    }
  }

  const statuses = ({ sources = [] }: Told) =>
    Object.fromEntries(sources.map(({ source, status }) => [source, status]));
  const rowsOf = (lake: Lake, target: string) =>
    lake.select(`SELECT day::VARCHAR AS day, count(*)::INTEGER AS n FROM ${target} GROUP BY ALL ORDER BY ALL`);

  it.skipIf(postgresMissing() !== undefined)(
    'go on together, whatever goes wrong, and from the lake alone',
    async () => {
      const desk = await Desk.open();
      const done = { visits: 'success', prices: 'success', sales: 'success' };
      for (const date of [MON]) desk.price(date);
      desk.sale(MON);
      const first = await desk.ingest('--date', 'next');
      expect([first.code, statuses(first)], first.stderr).toEqual([0, done]);
      expect(await desk.dates()).toEqual({ next: TUE, by: [...NAMES], gaps: NO_GAPS, last: all(MON) });

      // One lags: nothing of it is there. The others do not run ahead with --date next.
      desk.sale(TUE);
      expect(statuses(await desk.ingest('--date', 'next'))).toEqual({ ...done, prices: 'skipped' });
      expect(await desk.dates()).toEqual({
        next: TUE,
        by: ['prices'],
        gaps: NO_GAPS,
        last: { ...all(TUE), prices: MON },
      });
      const waiting = await desk.ingest('--date', 'next');
      expect(waiting.sources.map(({ source, date }) => [source, date])).toEqual([['prices', TUE]]);
      desk.price(TUE);
      expect(statuses(await desk.ingest('--date', 'next'))).toEqual({ prices: 'success' });
      expect(await desk.dates()).toMatchObject({ next: WED, by: [...NAMES], last: all(TUE) });

      // The connection to the database breaks in the middle of the rows.
      desk.price(WED);
      desk.sale(WED);
      desk.shop.cutAfter(60_000);
      const broken = await desk.ingest('--date', 'next');
      expect([broken.code, statuses(broken)]).toEqual([3, { ...done, visits: 'failed' }]);
      expect(broken.sources[0]).toMatchObject({ error_code: 'CONNECTION', exit_code: 3 });
      await withLake(desk.lake, async (lake) => {
        const manifests = await manifestsOf(lake, 'visits', WED);
        expect(manifests).toMatchObject([{ status: 'failed', errors: [{ code: 'CONNECTION' }], outputs: {} }]);
        const days = (await rowsOf(lake, 'bronze.shop_visits')).rows.map(({ day }) => day);
        expect(days).toEqual([MON, TUE]);
      });

      // The next day all the same: the server of the files dies while it sends, and a file of ours is none.
      desk.price(THU, 50_000);
      desk.sale(THU, '[{"day": "2026-03-05", "n": ');
      desk.partner.cutAfter(1_000_000, 100);
      const second = await desk.ingest('--date', THU);
      expect([second.code, statuses(second)]).toEqual([3, { visits: 'success', prices: 'failed', sales: 'failed' }]);
      desk.price(FRI);
      desk.sale(FRI);
      expect(statuses(await desk.ingest('--date', FRI))).toEqual(done);
      const gaps = { visits: [WED], prices: [THU], sales: [THU] };
      expect(await desk.dates()).toEqual({ next: WED, by: ['visits'], gaps, last: all(FRI) });

      // Gaps first, and only those who have them.
      expect(statuses(await desk.ingest('--date', 'next'))).toEqual({ visits: 'success' });
      expect(await desk.dates()).toMatchObject({ next: THU, by: ['prices', 'sales'], gaps: { ...gaps, visits: [] } });
      const third = await desk.ingest('--date', 'next');
      // The broken file is the same: it is not tried again, and the date is not done.
      expect([third.code, statuses(third)]).toEqual([0, { prices: 'success', sales: 'skipped' }]);
      expect(await desk.dates()).toMatchObject({ next: THU, by: ['sales'] });
      desk.sale(THU);
      expect(statuses(await desk.ingest('--date', 'next'))).toEqual({ sales: 'success' });
      expect(await desk.dates()).toEqual({ next: NEXT, by: [...NAMES], gaps: NO_GAPS, last: all(FRI) });

      // What has succeeded is not connected to, nor looked at.
      const before = desk.connections;
      rmSync(join(desk.folder, 'in'), { recursive: true });
      for (const date of [MON, TUE, WED, THU, FRI]) {
        const skipped = await desk.ingest('--date', date);
        expect([skipped.code, statuses(skipped)]).toEqual([
          0,
          { visits: 'skipped', prices: 'skipped', sales: 'skipped' },
        ]);
      }
      expect(desk.connections).toBe(before);
      mkdirSync(join(desk.folder, 'in'));

      // Asked to run again, all three fail: that they succeeded stands, and the next run is skipped.
      desk.configure({ shop: DEAD_PORT, partner: DEAD_PORT });
      desk.sale(WED, '{');
      const forced = await desk.ingest('--date', WED, '--rerun');
      expect([forced.code, statuses(forced)]).toEqual([3, { visits: 'failed', prices: 'failed', sales: 'failed' }]);
      expect(await desk.dates()).toEqual({ next: NEXT, by: [...NAMES], gaps: NO_GAPS, last: all(FRI) });
      const after = await desk.ingest('--date', WED);
      expect([after.code, statuses(after)]).toEqual([0, { visits: 'skipped', prices: 'skipped', sales: 'skipped' }]);
      await withLake(desk.lake, async (lake) => {
        for (const source of NAMES) {
          const runs = await manifestsOf(lake, source, WED);
          expect([source, runs.map(({ status, rerun }) => [status, rerun])]).toEqual([
            source,
            expect.arrayContaining([
              ['success', false],
              ['failed', true],
            ]),
          ]);
        }
      });
      desk.sale(WED);
      desk.configure();

      const days = [MON, TUE, WED, THU, FRI];
      const rows = (n: number) => days.map((day) => ({ day, n }));
      const [inSource] = await database.sql(`SELECT count(*)::int AS n FROM visits WHERE day = '${MON}'`);
      const expectRows = async (lake: Lake) => {
        const visits = await rowsOf(lake, 'bronze.shop_visits');
        expect(visits.rows).toMatchObject(days.map((day) => ({ day })));
        expect(visits.rows[0]).toEqual({ day: MON, n: inSource?.['n'] });
        expect((await rowsOf(lake, 'bronze.sales')).rows).toEqual(rows(1));
        const prices = rows(3).map((one) => (one.day === THU ? { ...one, n: 50_000 } : one));
        expect((await rowsOf(lake, 'bronze.prices')).rows).toEqual(prices);
      };
      await withLake(desk.lake, expectRows);

      // Only the lake is left, and it is somewhere else.
      const expected = await desk.dates();
      const moved = await Desk.open();
      cpSync(desk.lake, moved.lake, { recursive: true });
      rmSync(desk.folder, { recursive: true });
      rmSync(desk.outgoing, { recursive: true });
      await desk.close();
      expect(await moved.dates()).toEqual(expected);
      await withLake(moved.lake, expectRows);
      const skipped = await moved.ingest('--date', FRI);
      expect([skipped.code, statuses(skipped)]).toEqual([
        0,
        { visits: 'skipped', prices: 'skipped', sales: 'skipped' },
      ]);
      expect(moved.connections).toBe(0);
      mkdirSync(moved.outgoing, { recursive: true });
      moved.price(NEXT);
      moved.sale(NEXT);
      const last = await moved.ingest('--date', 'next');
      expect([last.code, statuses(last)], last.stderr).toEqual([0, done]);
      expect(await moved.dates()).toMatchObject({ next: '2026-03-10', gaps: NO_GAPS, last: all(NEXT) });
      await withLake(moved.lake, async (lake) => {
        const { findings } = await (await lake.state()).verify({ depth: 'light' });
        expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
      });
      await moved.close();
    },
  );

  it.skipIf(postgresMissing() !== undefined)('take no damaged manifest for a success', async () => {
    const desk = await Desk.open();
    const write = (text: string | Uint8Array) => (place: string) => writeFileSync(place, text);
    const damages: Readonly<Record<string, (place: string) => void>> = {
      empty: write(''),
      cut: write('{"source": "visits", "status": "succ'),
      bytes: write(Uint8Array.of(0xff, 0xfe, 0, 1, 2)),
      list: write('["success"]'),
      unknown: write(
        '{"source": "visits", "run_id": "x", "ingest_date": "2026-03-02", "status": "SUCCESS", "started_at": "now"}',
      ),
      // That of another date, by name as well as by content.
      moved: (place) => {
        cpSync(desk.manifests('visits', TUE)[0] ?? '', place);
      },
    };
    for (const date of [MON, TUE]) {
      desk.price(date);
      desk.sale(date);
      expect((await desk.ingest('--date', date)).code).toBe(0);
    }
    for (const [how, damage] of Object.entries(damages)) {
      for (const place of desk.manifests('visits', MON)) damage(place);
      const { next, by, gaps } = await desk.dates();
      expect([how, next, by, gaps['visits']]).toEqual([how, MON, ['visits'], [MON]]);
      const before = desk.connections;
      const again = await desk.ingest('--date', 'next');
      expect([how, again.code, statuses(again)], again.stderr).toEqual([how, 0, { visits: 'success' }]);
      expect(again.warnings).toEqual([expect.stringContaining('cannot be read')]);
      expect(desk.connections).toBeGreaterThan(before);
      expect(await desk.dates()).toMatchObject({ next: WED, gaps: NO_GAPS, last: all(TUE) });
      // One that can be read is enough.
      const skipped = await desk.ingest('visits', '--date', MON);
      expect([how, skipped.code, statuses(skipped)]).toEqual([how, 0, { visits: 'skipped' }]);
    }
    // Those of the last run are gone: the events of the ledger say what it did, and nothing is read again.
    for (const place of desk.manifests('visits', MON)) rmSync(place);
    expect(await desk.dates()).toMatchObject({ next: MON, by: ['visits'] });
    const before = desk.connections;
    expect(statuses(await desk.ingest('--date', 'next'))).toEqual({ visits: 'skipped' });
    expect(desk.connections).toBe(before);
    expect(await desk.dates()).toMatchObject({ next: WED, gaps: NO_GAPS, last: all(TUE) });
    await withLake(desk.lake, async (lake) => {
      const visits = await rowsOf(lake, 'bronze.shop_visits');
      expect(visits.rows.map(({ day }) => day)).toEqual([MON, TUE]);
      await expectSound(lake);
    });
    await desk.close();
  });
});
