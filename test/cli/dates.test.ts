import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addDays } from '../../src/ingest/dates/calendar.js';
import { type CliRun, ended, runCli, startCli, tempFolder } from './run-cli.js';

const CONFIG = `
calendar: {weekdays: [mon, tue, wed, thu, fri], holidays: [2025-03-05]}
sources:
  orders: {path: in/orders-*.csv, into: bronze.orders, business_date: 'orders-{yyyyMMdd}.csv', start_date: 2025-03-03}
  stock: {path: in/stock-*.csv, into: bronze.stock, business_date: 'stock-{yyyyMMdd}.csv', start_date: 2025-03-06}
  late: {path: in/late-*.csv, into: bronze.late, business_date: 'late-{yyyyMMdd}.csv', group: eod, enabled: false}
  plain: {path: in/plain.csv, into: bronze.plain}
`;

interface Outcome {
  readonly date: string;
  readonly source: string;
  readonly before: string;
  readonly status: string;
  readonly rows: number;
  readonly reason: string | null;
}

/** A working folder with daily files below `in/`. */
class Desk {
  readonly cwd = tempFolder();

  constructor(config = CONFIG) {
    mkdirSync(join(this.cwd, 'in'));
    this.config(config);
  }

  config(text: string): void {
    writeFileSync(join(this.cwd, 'lakeledger.yaml'), text);
  }

  /** The file of a source for a day, with one row that is unlike those of other days. */
  deliver(source: string, date: string, text = `id,v\n1,${date}\n`): this {
    writeFileSync(join(this.cwd, 'in', `${source}-${date.replaceAll('-', '')}.csv`), text);
    return this;
  }

  cli(...args: string[]): Promise<CliRun> {
    return runCli(args, { cwd: this.cwd });
  }

  async json(...args: string[]) {
    const { code, stdout, stderr } = await this.cli(...args, '-o', 'json');
    expect(stdout, stderr).not.toBe('');
    return { code, stderr, value: JSON.parse(stdout) };
  }

  /** `date source before status` of each line of a backfill. */
  async backfill(...args: string[]) {
    const { code, value, stderr } = await this.json('backfill', ...args);
    const lines = value.dates.map((one: Outcome) => `${one.date} ${one.source} ${one.before} ${one.status}`);
    return { code, lines, value, stderr };
  }

  async status(source: string) {
    const { value } = await this.json('status', source);
    return value[0];
  }

  manifests(source: string, date: string): string[] {
    const folder = join(this.cwd, 'lake', '_manifests', `source=${source}`, `ingest_date=${date}`);
    return existsSync(folder) ? readdirSync(folder) : [];
  }
}

const WEEK = ['--from', '2025-03-02', '--to', '2025-03-07'];

describe('backfill', () => {
  it('runs the business days of a range, oldest first; then only what is missing; then all again', async () => {
    const desk = new Desk();
    for (const date of ['2025-03-03', '2025-03-04', '2025-03-06', '2025-03-07']) desk.deliver('orders', date);
    desk.deliver('stock', '2025-03-06');
    const plan = await desk.backfill(...WEEK, '--dry-run');
    expect(plan).toMatchObject({
      code: 0,
      lines: [
        '2025-03-03 orders missing planned',
        '2025-03-04 orders missing planned',
        '2025-03-06 orders missing planned',
        '2025-03-06 stock missing planned',
        '2025-03-07 orders missing planned',
        '2025-03-07 stock missing planned',
      ],
      value: { from: '2025-03-02', to: '2025-03-07', dry_run: true, only_missing: false, planned: 6 },
    });
    expect(existsSync(join(desk.cwd, 'lake'))).toBe(false);

    const first = await desk.backfill('--source', 'orders', '--from', '2025-03-03', '--to', '2025-03-04');
    expect(first).toMatchObject({
      code: 0,
      lines: ['2025-03-03 orders missing success', '2025-03-04 orders missing success'],
      value: { succeeded: 2, failed: 0, dates: [{ rows: 1, files: 1, run_id: expect.any(String) }, {}] },
    });
    expect(first.stderr).toContain('1/2  2025-03-03  orders (missing)');

    const rest = await desk.backfill(...WEEK, '--only-missing');
    expect(rest).toMatchObject({
      code: 0,
      lines: [
        '2025-03-06 orders missing success',
        '2025-03-06 stock missing success',
        '2025-03-07 orders missing success',
        '2025-03-07 stock missing skipped',
      ],
      value: { succeeded: 3, skipped: 1 },
    });
    expect(rest.value.dates[3].reason).toBe('there is nothing of that date');

    // Again: the files are in already, each exactly once.
    const again = await desk.backfill(...WEEK, '--source', 'orders');
    expect(again.lines).toEqual([
      '2025-03-03 orders succeeded skipped',
      '2025-03-04 orders succeeded skipped',
      '2025-03-06 orders succeeded skipped',
      '2025-03-07 orders succeeded skipped',
    ]);
    const { stdout } = await desk.cli('query', '-o', 'csv', 'SELECT count(*) AS n FROM bronze.orders');
    expect(stdout).toBe('n\n4\n');
    const none = await desk.cli('backfill', ...WEEK, '--source', 'orders', '--only-missing');
    expect([none.code, none.stdout]).toEqual([0, 'nothing to run from 2025-03-02 to 2025-03-07\n']);
  });

  it('ends with 1 when a date failed, goes on with the next, and fills the gap when it is run again', async () => {
    const desk = new Desk();
    desk
      .deliver('orders', '2025-03-03')
      .deliver('orders', '2025-03-04', 'id,v\n\u0000\u0001"\n"')
      .deliver('orders', '2025-03-06');
    const args = [...WEEK, '--source', 'orders', '--only-missing'];
    const first = await desk.backfill(...args);
    expect(first).toMatchObject({
      code: 1,
      lines: [
        '2025-03-03 orders missing success',
        '2025-03-04 orders missing failed',
        '2025-03-06 orders missing success',
        '2025-03-07 orders missing skipped',
      ],
      value: { succeeded: 2, failed: 1 },
    });
    expect(first.value.dates[1]).toMatchObject({ reason: expect.any(String), error_code: expect.any(String) });
    expect(await desk.status('orders')).toMatchObject({
      last_date: '2025-03-06',
      next_date: '2025-03-04',
      next_date_state: 'failed',
      next_date_from: 'gap',
      gaps: 1,
      gap_dates: ['2025-03-04'],
    });
    desk.deliver('orders', '2025-03-04');
    const second = await desk.backfill(...args);
    expect(second).toMatchObject({
      code: 0,
      lines: ['2025-03-04 orders failed success', '2025-03-07 orders missing skipped'],
    });
    expect(await desk.status('orders')).toMatchObject({ gaps: 0, next_date: '2025-03-07' });
  });

  it('stops a source that another run holds, and goes on with the others', async () => {
    const desk = new Desk();
    desk.deliver('orders', '2025-03-06').deliver('stock', '2025-03-06').deliver('stock', '2025-03-07');
    const folder = join(desk.cwd, 'lake', '_leases', 'bronze.orders');
    expect((await desk.cli('init')).code).toBe(0);
    mkdirSync(folder, { recursive: true });
    const now = new Date(Date.now() + 600_000).toISOString();
    const holder = { run_id: 'other', pid: process.pid, host: 'elsewhere', actor: 'bo', acquired_at: now };
    const lease = { ...holder, heartbeat_at: now, token: 1, id: 'x', released: false };
    writeFileSync(join(folder, '0000000000000001.json'), JSON.stringify(lease));
    const args = ['--from', '2025-03-06', '--to', '2025-03-07', '--only-missing'];
    const held = await desk.backfill(...args);
    expect(held).toMatchObject({
      code: 5,
      lines: [
        '2025-03-06 orders missing failed',
        '2025-03-06 stock missing success',
        '2025-03-07 orders missing not_run',
        '2025-03-07 stock missing success',
      ],
    });
    expect(held.stderr).toContain('error[LOCKED]');
    expect(held.stderr).toContain('orders:2025-03-06');
    // The same for a source that is alone.
    const alone = await desk.backfill(...args, '--source', 'orders');
    expect(alone).toMatchObject({
      code: 5,
      lines: ['2025-03-06 orders missing failed', '2025-03-07 orders missing not_run'],
    });
    rmSync(folder, { recursive: true });
    expect((await desk.backfill(...args)).lines).toEqual([
      '2025-03-06 orders missing success',
      '2025-03-07 orders missing skipped',
    ]);
  });

  it('ends with 3 when a database cannot be reached, without trying its other dates', async () => {
    const desk = new Desk(`
connections:
  erp: {type: postgres, host: 127.0.0.1, port: 1, database: erp, user: reader, attempts: 1, connect_timeout: 2s}
sources:
  items: {connection: erp, table: public.items, into: bronze.items, start_date: 2025-03-06}
  orders: {path: in/orders-*.csv, into: bronze.orders, business_date: 'orders-{yyyyMMdd}.csv'}
`).deliver('orders', '2025-03-07');
    const found = await desk.backfill('--from', '2025-03-06', '--to', '2025-03-07');
    expect(found).toMatchObject({
      code: 3,
      lines: [
        '2025-03-06 items missing failed',
        '2025-03-06 orders missing skipped',
        '2025-03-07 items missing not_run',
        '2025-03-07 orders missing success',
      ],
    });
    expect(await desk.status('items')).toMatchObject({
      state: 'problems',
      next_date: '2025-03-06',
      next_date_state: 'failed',
      next_date_from: 'start',
    });
  });

  it('goes on after it was interrupted between dates', async () => {
    const desk = new Desk();
    const dates = Array.from({ length: 12 }, (_, i) => addDays('2025-03-10', i));
    for (const date of dates) desk.deliver('orders', date);
    const args = ['backfill', '--source', 'orders', '--from', '2025-03-10', '--to', '2025-03-21', '--only-missing'];
    const child = startCli(args, { cwd: desk.cwd });
    const end = ended(child);
    while (child.exitCode === null && desk.manifests('orders', '2025-03-11').length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    const { code, stdout } = await end;
    expect([code, stdout]).toEqual([130, '']);
    const done = dates.filter((date) => desk.manifests('orders', date).length > 0);
    expect(done.length).toBeLessThan(10);
    const rest = await desk.backfill(...args.slice(1));
    expect(rest.code).toBe(0);
    const { stdout: rows } = await desk.cli('query', '-o', 'csv', 'SELECT count(*) AS n FROM bronze.orders');
    expect(rows).toBe('n\n10\n');
    expect((await desk.backfill(...args.slice(1))).lines).toEqual([]);
  });

  it.each([
    [['--from', '2025-03-02'], 'needs --to'],
    [['--to', '2025-03-02'], 'needs --from'],
    [['--from', 'next', '--to', '2025-03-02'], 'needs --from with a date'],
    [['--from', '2025-02-30', '--to', '2025-03-02'], '--from is a date, not "2025-02-30"'],
    [['--from', '2025-03-03', '--to', '2025-03-02'], 'is after --to'],
    [['--from', '2025-03-03', '--to', '2999-01-01'], 'is in the future'],
    [[...WEEK, '--source', 'oders'], 'did you mean "orders"?'],
    [[...WEEK, '--source', 'plain'], 'the source "plain" has no business dates'],
    [[...WEEK, '--group', 'eof'], 'did you mean "eod"?'],
    [[...WEEK, '--group', 'eod'], 'no source with business dates is meant'],
    [[...WEEK, '--group', 'default', '--source', 'late'], 'no source with business dates is meant'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await new Desk().cli('backfill', ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('takes words for dates, and sources that are switched off when they are named', async () => {
    const desk = new Desk();
    const { value } = await desk.json('backfill', '--from=-3d', '--to', 'yesterday', '--source', 'late', '--dry-run');
    const today = new Date().toISOString().slice(0, 10);
    // Midnight may have passed meanwhile.
    expect([addDays(today, -1), addDays(today, -2)]).toContain(value.to);
    expect(value.from).toBe(addDays(value.to, -2));
  });
});

describe('status', () => {
  it('has dates, gaps and a sentence for each group, and warns of run manifests that cannot be read', async () => {
    const desk = new Desk(CONFIG.replace(', enabled: false', '')).deliver('orders', '2025-03-03');
    desk.deliver('orders', '2025-03-07').deliver('stock', '2025-03-06');
    expect((await desk.cli('backfill', ...WEEK)).code).toBe(0);
    const broken = join(desk.cwd, 'lake/_manifests/source=orders/ingest_date=2025-03-04');
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, 'run_id=x.json'), '{"status": "succ');
    const { code, stdout, stderr } = await desk.cli('status');
    expect(code).toBe(0);
    const [header = '', , ...lines] = stdout.split('\n');
    expect(header.split(/\s{2,}/)).toEqual([
      ...['source', 'target', 'state', 'last success', 'freshness', 'last date', 'next date', 'gaps', 'files', 'rows'],
      ...['backlog', 'next retry', 'newest date', 'lock'],
    ]);
    const cells = Object.fromEntries(lines.map((line) => line.split(/\s{2,}/)).map(([name, ...rest]) => [name, rest]));
    expect(cells['orders']?.slice(4, 7)).toEqual([
      '2025-03-07',
      '2025-03-04 (unreadable)',
      '2: 2025-03-04, 2025-03-06',
    ]);
    expect(cells['stock']?.slice(4, 7)).toEqual(['2025-03-06', '2025-03-07', 'NULL']);
    expect(cells['late']?.slice(4, 7)).toEqual(['NULL', 'unknown', 'NULL']);
    expect(stdout).toContain(
      '\ndefault: the next business date is 2025-03-04; it is held back by orders (2 gaps, unreadable)\n',
    );
    expect(stdout).toContain(
      '\neod: the next business date is not known; never succeeded, and without a start_date: late\n',
    );
    expect(stderr).toContain('source=orders/ingest_date=2025-03-04/run_id=x.json cannot be used: it is no JSON');
    expect(await desk.status('orders')).toMatchObject({
      group: 'default',
      group_next_date: '2025-03-04',
      holds_group_back: true,
      unreadable_manifests: ['_manifests/source=orders/ingest_date=2025-03-04/run_id=x.json'],
    });
    expect(await desk.status('stock')).toMatchObject({ group_next_date: '2025-03-04', holds_group_back: false });
    expect(await desk.status('plain')).toMatchObject({ group: null, next_date: null, gaps: 0 });
    const csv = await desk.cli('status', 'orders', '-o', 'csv');
    expect(csv.stdout).toContain(',2025-03-04 2025-03-06,');
    // Without the configuration the lake still knows what succeeded.
    rmSync(join(desk.cwd, 'lakeledger.yaml'));
    expect(await desk.status('orders')).toMatchObject({ last_date: '2025-03-07', next_date: null, group: null });
  });

  it('says nothing about dates when no source has any', async () => {
    const desk = new Desk('sources: {plain: {path: in/plain.csv, into: bronze.plain}}');
    const { stdout } = await desk.cli('status');
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stdout).not.toContain('next date');
  });
});

describe('state waive', () => {
  it('takes a date out of the gaps, as an event with its reason', async () => {
    const desk = new Desk().deliver('orders', '2025-03-03').deliver('orders', '2025-03-06');
    expect((await desk.cli('backfill', ...WEEK, '--source', 'orders')).code).toBe(0);
    expect(await desk.status('orders')).toMatchObject({ gap_dates: ['2025-03-04'] });
    const before = desk.manifests('orders', '2025-03-04');
    const waive = ['state', 'waive', 'orders', '2025-03-04', '--reason', 'no delivery'];
    const dry = await desk.json(...waive, '--dry-run');
    expect(dry).toMatchObject({ code: 0, value: { written: false, run_id: null, reason: 'no delivery' } });
    expect(desk.manifests('orders', '2025-03-04')).toEqual(before);
    const done = await desk.json(...waive);
    expect(done).toMatchObject({ code: 0, value: { source: 'orders', date: '2025-03-04', written: true } });
    const own = `run_id=${done.value.run_id}.json`;
    expect(desk.manifests('orders', '2025-03-04').sort()).toEqual([...before, own].sort());
    expect(await desk.status('orders')).toMatchObject({ gaps: 0, next_date: '2025-03-07' });
    const again = await desk.json(...waive);
    expect(again).toMatchObject({ code: 0, value: { written: false, run_id: done.value.run_id } });
    expect(again.stderr).toContain('is waived already');
    const sql = "SELECT status, reason, run_id FROM metadata.ingestion_event WHERE dialect = 'run'";
    expect(JSON.parse((await desk.cli('query', sql, '-o', 'json')).stdout)).toEqual([
      { status: 'SKIPPED', reason: 'no delivery', run_id: done.value.run_id },
    ]);
    expect((await desk.backfill(...WEEK, '--source', 'orders', '--only-missing')).lines).toEqual([
      '2025-03-07 orders missing skipped',
    ]);
  });

  it.each([
    [['orders', '2025-03-03'], 'needs --reason'],
    [['orders', '2025-03-03', '--reason', ' '], 'needs --reason'],
    [['orders', '--reason', 'x'], 'needs <date>'],
    [['orders', '2025-03-33', '--reason', 'x'], 'DATE is a date'],
    [['orders', 'next', '--reason', 'x'], 'names its date'],
    [['orders', '2025-03-05', '--reason', 'x'], 'no business day'],
    [['orders', '2025-02-28', '--reason', 'x'], 'its first date is 2025-03-03'],
    [['oders', '2025-03-03', '--reason', 'x'], 'did you mean "orders"?'],
    [['plain', '2025-03-03', '--reason', 'x'], 'there is no source "plain" with business dates'],
  ])('refuses %j', async (args, message) => {
    const desk = new Desk();
    const { code, stdout, stderr } = await desk.cli('state', 'waive', ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(existsSync(join(desk.cwd, 'lake'))).toBe(false);
  });

  it('refuses a date that has succeeded', async () => {
    const desk = new Desk().deliver('orders', '2025-03-03');
    expect((await desk.cli('backfill', ...WEEK, '--source', 'orders')).code).toBe(0);
    const { code, stderr } = await desk.cli('state', 'waive', 'orders', '2025-03-03', '--reason', 'x');
    expect([code, stderr.includes('2025-03-03 of orders has succeeded and needs no waiver')]).toEqual([2, true]);
  });
});
