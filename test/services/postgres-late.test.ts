import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import {
  connect,
  type Extracted,
  extractBy,
  extractWith,
  isMissing,
  table,
  usePostgres,
  watermark,
} from './postgres-desk.js';

const server = usePostgres();

const read = (name: string, before: Partial<Extracted> | undefined, user = 'reader') =>
  extractWith(server().connection(user), {
    from: table(name),
    watermark: watermark('mark', { lower: before?.watermark ?? null, lateFrom: lateFrom(before) }),
  });
const ids = async (extracted: Extracted) => (await extracted.rows('id', 'ORDER BY id')).map(({ id }) => id);

/** What the next run has to say about late rows, as the one who keeps the watermark does. */
function lateFrom(before: Partial<Extracted> | undefined): string | null {
  if (before?.snapshot === undefined) return null;
  const { open, xmin } = before.snapshot;
  return open.count > 0 || open.hidden ? xmin : null;
}

async function makeTable(name: string): Promise<void> {
  await server().sql(
    `CREATE TABLE ${name} (id integer, mark timestamptz DEFAULT now()); INSERT INTO ${name} VALUES (0)`,
  );
}

const insert = (db: pg.Client, name: string, id: number) => db.query(`INSERT INTO ${name} VALUES (${id})`);
const pidOf = async (db: pg.Client) => (await db.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number;

/** Transactions in between, so that ids go on. */
async function others(name: string, from: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await server().sql(`INSERT INTO ${name} VALUES (${from + i})`);
}

describe.skipIf(isMissing)('rows that are committed late', () => {
  it('are read by the next run, though others had later times before', async () => {
    await makeTable('late');
    const db = await server().client();
    await db.query('BEGIN');
    await insert(db, 'late', 1);
    await others('late', 10, 3);
    const first = await read('late', undefined);
    expect(await ids(first)).toEqual([0, 10, 11, 12]);
    const { open } = first.snapshot;
    expect(open).toMatchObject({ count: 1, pids: [await pidOf(db)], hidden: false });
    const [{ started }] = (
      await db.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS started")
    ).rows;
    expect(Date.parse(`${open.oldestStartedAt}:00`)).toBe(Date.parse(`${started}Z`));
    expect(first.heldWatermark).toBe(open.oldestStartedAt);
    await db.query('COMMIT');
    await others('late', 20, 1);
    const without = await read('late', { ...first, snapshot: { ...first.snapshot, open: { ...open, count: 0 } } });
    expect(await ids(without)).toEqual([12, 20]);
    const next = await read('late', first);
    // Which of the transactions after the open one were seen is not known any more.
    expect(await ids(next)).toEqual([1, 10, 11, 12, 20]);
    expect(next.lateRows).toBe(3);
    expect(next.snapshot.open).toEqual({ count: 0, oldestStartedAt: null, pids: [], hidden: false });
    expect(next.heldWatermark).toBe(next.watermark);
    expect(await ids(await read('late', next))).toEqual([20]);
  });

  it('are read when their transaction had written nothing yet at the snapshot', async () => {
    await makeTable('later');
    const db = await server().client();
    await db.query('BEGIN; SELECT now()');
    await others('later', 10, 2);
    const first = await read('later', undefined);
    expect(first.snapshot.open.pids).toEqual([await pidOf(db)]);
    await others('later', 12, 2);
    await insert(db, 'later', 1);
    await db.query('COMMIT');
    const next = await read('later', first);
    expect(await ids(next)).toEqual([1, 11, 12, 13]);
    expect(next.lateRows).toBe(1);
  });

  it('are read when subtransactions wrote them, before and after the snapshot', async () => {
    await makeTable('parts');
    const db = await server().client();
    await db.query('BEGIN; SAVEPOINT a');
    await insert(db, 'parts', 1);
    await others('parts', 10, 2);
    await db.query('RELEASE a; SAVEPOINT b');
    await insert(db, 'parts', 2);
    const first = await read('parts', undefined);
    await others('parts', 12, 2);
    await db.query('SAVEPOINT c');
    await insert(db, 'parts', 3);
    await db.query('ROLLBACK TO c');
    await insert(db, 'parts', 4);
    await db.query('COMMIT');
    const next = await read('parts', first);
    expect(await ids(next)).toEqual([1, 2, 4, 10, 11, 12, 13]);
    expect(next.lateRows).toBe(4);
  });

  it('are read when their transaction was prepared', async () => {
    await makeTable('prepared');
    const db = await server().client();
    await db.query('BEGIN');
    await insert(db, 'prepared', 1);
    await db.query("PREPARE TRANSACTION 'one day'");
    await others('prepared', 10, 2);
    const first = await read('prepared', undefined);
    expect(first.snapshot.open).toEqual({ count: 1, oldestStartedAt: null, pids: [], hidden: true });
    expect(first.heldWatermark).toBe(null);
    await db.query("COMMIT PREPARED 'one day'");
    const next = await read('prepared', first);
    expect(await ids(next)).toEqual([1, 10, 11]);
    expect(next.lateRows).toBe(2);
  });

  it('are read by a role that does not see what others are doing', async () => {
    await makeTable('unseen');
    const db = await server().client();
    const idle = await server().client();
    await idle.query('SELECT 1');
    const quiet = await read('unseen', undefined, 'limited');
    expect(quiet.snapshot.open).toEqual({ count: 0, oldestStartedAt: null, pids: [], hidden: false });
    await db.query('BEGIN');
    await others('unseen', 10, 2);
    const first = await read('unseen', undefined, 'limited');
    expect(first.snapshot.open).toEqual({ count: 1, oldestStartedAt: null, pids: [await pidOf(db)], hidden: true });
    expect(first.heldWatermark).toBe(null);
    await insert(db, 'unseen', 1);
    await db.query('COMMIT');
    expect(await ids(await read('unseen', first, 'limited'))).toEqual([1, 11]);
  });

  it('are not looked for because of other databases or of sessions like this one', async () => {
    await makeTable('alone');
    const elsewhere = await server().client('postgres');
    await elsewhere.query('BEGIN; SELECT 1');
    const slow = await connect(server().connection());
    const running = slow.describe({ query: 'SELECT count(*) FROM alone' });
    const many = await Promise.all([1, 2, 3, 4].map(() => read('alone', undefined)));
    await running;
    for (const { snapshot } of many) expect(snapshot.open.count).toBe(0);
    await elsewhere.query('COMMIT');
  });

  it('are all rows when the server counts its transactions from lower ids', async () => {
    await makeTable('restored');
    await others('restored', 10, 2);
    const mark = watermark('mark', { lower: '2999-01-01 00:00:00+00', lateFrom: '99999999999' });
    const extracted = await extractWith(server().connection(), { from: table('restored'), watermark: mark });
    expect(await ids(extracted)).toEqual([0, 10, 11]);
    expect(extracted.lateRows).toBe(3);
    expect(extracted.notes).toEqual([expect.stringContaining('counts its transactions from lower ids')]);
  });

  it('hold the watermark of a timestamp without zone back in the zone of the server', async () => {
    await server().sql(
      "CREATE TABLE zoned (id integer, mark timestamp DEFAULT now()); ALTER ROLE reader SET timezone = 'America/New_York'",
    );
    await server().sql("SET timezone = 'America/New_York'; INSERT INTO zoned VALUES (0); RESET timezone");
    const db = await server().client();
    await db.query("BEGIN; SET LOCAL timezone = 'America/New_York'");
    await insert(db, 'zoned', 1);
    await server().sql("SET timezone = 'America/New_York'; INSERT INTO zoned VALUES (2); RESET timezone");
    const first = await read('zoned', undefined);
    await db.query('COMMIT');
    const [held] = await server().sql(
      "SELECT ($1::timestamp <= mark AND $1::timestamp > mark - interval '1 minute') AS is_just_before FROM zoned WHERE id = 1",
      [first.heldWatermark],
    );
    expect(held).toEqual({ is_just_before: true });
    await server().sql('ALTER ROLE reader RESET timezone');
  });
});

/** Transactions as a program makes them: short and long, with subtransactions, rolled back, late to write. */
async function write(db: pg.Client, until: number, random: () => number): Promise<number> {
  let written = 0;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  while (Date.now() < until) {
    const kind = random();
    if (kind < 0.5) {
      await db.query('INSERT INTO busy DEFAULT VALUES');
      written++;
      continue;
    }
    await db.query('BEGIN; SELECT now()');
    if (kind < 0.7) await pause(random() * 150);
    await db.query('INSERT INTO busy DEFAULT VALUES');
    if (kind > 0.8) await db.query('SAVEPOINT s; INSERT INTO busy DEFAULT VALUES');
    if (kind > 0.9) await db.query('ROLLBACK TO s');
    await pause(random() * 60);
    await db.query(kind > 0.95 ? 'ROLLBACK' : 'COMMIT');
    if (kind <= 0.95) written += kind > 0.8 && kind <= 0.9 ? 2 : 1;
  }
  return written;
}

describe.skipIf(isMissing)('a table that is written to all the time', () => {
  const SECONDS = Number(process.env['POSTGRES_BUSY_SECONDS'] ?? 6);

  it.each([
    { by: 'timestamp', column: 'mark', from: 'busy', user: 'reader' },
    { by: 'integer', column: 'id', from: 'busy', user: 'limited' },
    { by: 'timestamp', column: 'mark', from: 'busy_view', user: 'reader' },
  ] as const)('loses no row by its $column from $from', async ({ by, column, from, user }) => {
    await server().sql(
      'DROP TABLE IF EXISTS busy CASCADE; CREATE TABLE busy (id bigserial, mark timestamptz DEFAULT now()); CREATE VIEW busy_view AS SELECT * FROM busy',
    );
    const seed = Date.now() % 2 ** 31;
    const until = Date.now() + SECONDS * 1000;
    const writers = await Promise.all(
      Array.from({ length: 5 }, async (_, i) => {
        let state = seed + i;
        const random = () => {
          state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
          return state / 2 ** 31;
        };
        return write(await server().client(), until, random);
      })
        .map((written) => Promise.resolve(written))
        .map((written) => ({ written })),
    );
    const session = await connect(server().connection(user));
    const seen = new Set<unknown>();
    let lower: string | null = null;
    let late: string | null = null;
    let lateRows = 0;
    let runs = 0;
    const run = async () => {
      const mark = watermark(column, { type: by, lower, lateFrom: late });
      const extracted = await extractBy(session, { from: table(from), watermark: mark });
      for (const { id } of await extracted.rows('id')) seen.add(id);
      const next = extracted.canSeeLateRows ? extracted.watermark : extracted.heldWatermark;
      lower = next ?? lower;
      late = lateFrom(extracted);
      lateRows += extracted.lateRows;
      runs++;
    };
    while (Date.now() < until) await run();
    const written = (await Promise.all(writers.map((writer) => writer.written))).reduce((sum, n) => sum + n, 0);
    await run();
    const [{ rows }] = (await server().sql('SELECT count(*)::integer AS rows FROM busy')) as [{ rows: number }];
    console.log(`${from} by ${column}: ${runs} runs, ${rows} rows, ${lateRows} of them late; seed ${seed}`);
    expect(rows).toBe(written);
    const all = (await server().sql('SELECT id FROM busy')).map((row) => BigInt(String(row['id'])));
    expect(all.filter((id) => !seen.has(id))).toEqual([]);
    expect(runs).toBeGreaterThan(5);
    if (from === 'busy') expect(lateRows).toBeGreaterThan(0);
  });
});

describe.skipIf(isMissing)('ids of transactions beyond 32 bits', () => {
  it('tell late rows on both sides of the point where they start again', async () => {
    await makeTable('wrapped');
    await server().sql('VACUUM FREEZE', [], 'postgres');
    await server().sql('VACUUM FREEZE', [], 'template1');
    await server().sql('VACUUM FREEZE');
    await server().stop();
    // The next id is 16 before 2^32; what became of the transactions before it is in the last file of pg_xact.
    server().runOnData('pg_resetwal', '-x', String(2 ** 32 - 16));
    writeFileSync(join(server().data, 'pg_xact', '0FFF'), Buffer.alloc(256 * 1024));
    await server().restart();
    const db = await server().client();
    const pass = async (from: number) => {
      await db.query('BEGIN');
      await insert(db, 'wrapped', from);
      await others('wrapped', from + 1, 12);
      const first = await read('wrapped', undefined);
      await others('wrapped', from + 20, 3);
      await db.query('COMMIT');
      const next = await read('wrapped', first);
      const after = Array.from({ length: 13 }, (_, i) => from + i);
      expect(await ids(next)).toEqual([...after, from + 20, from + 21, from + 22]);
      expect(next.lateRows).toBe(12);
      return BigInt(first.snapshot.xmin);
    };
    expect(await pass(100)).toBeLessThan(2n ** 32n);
    expect(await pass(200)).toBeGreaterThan(2n ** 32n - 1n);
    expect(await pass(300)).toBeGreaterThan(2n ** 32n);
  });
});
