import { describe, expect, it } from 'vitest';
import type { WatermarkRequest } from '../../src/sources/postgres/model.js';
import { failure } from '../support/stage.js';
import { type Extracted, extractWith, isMissing, table, usePostgres, watermark } from './postgres-desk.js';

const server = usePostgres();

const read = (name: string, column: string, more: Partial<WatermarkRequest> = {}) =>
  extractWith(server().connection(), { from: table(name), watermark: watermark(column, more) });
const ids = async (extracted: Extracted) => (await extracted.rows('id', 'ORDER BY id')).map(({ id }) => id);

describe.skipIf(isMissing)('a watermark', () => {
  it.each([
    {
      type: 'timestamptz',
      values: ['2024-01-01 10:00:00+00', '2024-01-02 10:00:00.5+00', '2024-01-02 12:00:00.123456+02'],
      highest: '2024-01-02 10:00:00.5+00',
      second: '2024-01-02 10:00:00.5+00',
      from: [2],
      overlap: '400000',
      overlapped: [2, 3],
    },
    {
      type: 'timestamp',
      values: ['2024-01-01 10:00:00', '2024-01-02 10:00:00.000001', '2024-01-02 10:00:00'],
      highest: '2024-01-02 10:00:00.000001',
      second: '2024-01-02 10:00:00.000001',
      from: [2],
      overlap: '1',
      overlapped: [2, 3],
    },
    {
      type: 'date',
      values: ['2024-01-01', '2024-01-03', '2024-01-02'],
      highest: '2024-01-03',
      second: '2024-01-03',
      from: [2],
      overlap: '3600000',
      overlapped: [2, 3],
    },
    {
      type: 'integer',
      values: ['1', '30', '20'],
      highest: '30',
      second: '30',
      from: [2],
      overlap: '10',
      overlapped: [2, 3],
    },
    {
      type: 'bigint',
      values: ['-5', '9223372036854775807', '9223372036854775806'],
      highest: '9223372036854775807',
      second: '9223372036854775807',
      from: [2],
      overlap: '1',
      overlapped: [2, 3],
    },
    {
      type: 'smallint',
      values: ['-5', '-2', '-4'],
      highest: '-2',
      second: '-2',
      from: [2],
      overlap: '2',
      overlapped: [2, 3],
    },
    {
      type: 'numeric(12,2)',
      values: ['1.5', '30.75', '29.25'],
      highest: '30',
      second: '30',
      from: [2],
      overlap: '1',
      overlapped: [2, 3],
    },
    {
      type: 'numeric',
      values: ['-1e40', '1e40', '12.5'],
      highest: `1${'0'.repeat(40)}`,
      second: `1${'0'.repeat(40)}`,
      from: [2],
      overlap: '1e40',
      overlapped: [2, 3],
    },
    {
      type: 'numeric(5,1)',
      values: ['-9.5', '-2.5', '-4'],
      highest: '-3',
      second: '-3',
      from: [2],
      overlap: '1',
      overlapped: [2, 3],
    },
  ])('of type $type begins with the highest value that was read, that one included', async (one) => {
    const name = `marked_${one.type.replaceAll(/\W/g, '_')}`;
    await server().sql(`CREATE TABLE ${name} (id integer, mark ${one.type})`);
    for (const [i, value] of one.values.entries()) {
      await server().sql(`INSERT INTO ${name} VALUES (${i + 1}, '${value}')`);
    }
    const type = /int|numeric/.test(one.type) ? 'integer' : 'timestamp';
    const first = await read(name, 'mark', { type });
    expect(await ids(first)).toEqual([1, 2, 3]);
    expect(first.watermark).toBe(one.highest);
    const next = await read(name, 'mark', { type, lower: first.watermark });
    expect(await ids(next)).toEqual(one.from);
    expect(next.watermark).toBe(one.second);
    const overlapped = await read(name, 'mark', { type, lower: first.watermark, overlap: one.overlap });
    expect(await ids(overlapped)).toEqual(one.overlapped);
    expect(overlapped.lateRows).toBe(0);
  });

  it('stays null when there is nothing', async () => {
    await server().sql('CREATE TABLE empty_one (id integer, mark timestamptz)');
    expect(await read('empty_one', 'mark')).toMatchObject({ count: 0, watermark: null, nullWatermarks: 0 });
    await server().sql('INSERT INTO empty_one VALUES (1, NULL)');
    expect(await read('empty_one', 'mark')).toMatchObject({ count: 1, watermark: null, nullWatermarks: 1 });
  });

  it('takes rows without a value, leaves them out, or fails', async () => {
    await server().sql(`
      CREATE TABLE with_nulls (id integer, mark timestamptz);
      INSERT INTO with_nulls VALUES (1, '2024-01-01'), (2, NULL), (3, '2024-01-03'), (4, NULL)`);
    const lower = '2024-01-02 00:00:00+00';
    const seen = async (more: Partial<WatermarkRequest>) => {
      const extracted = await read('with_nulls', 'mark', more);
      return [await ids(extracted), extracted.nullWatermarks, extracted.watermark];
    };
    const highest = '2024-01-03 00:00:00+00';
    expect(await seen({ nulls: 'include' })).toEqual([[1, 2, 3, 4], 2, highest]);
    expect(await seen({ nulls: 'include', lower })).toEqual([[2, 3, 4], 2, highest]);
    expect(await seen({ nulls: 'exclude' })).toEqual([[1, 3], 2, highest]);
    expect(await seen({ nulls: 'exclude', lower })).toEqual([[3], 2, highest]);
    expect(await seen({ nulls: 'exclude', lower, lateFrom: '3' })).toEqual([[1, 3], 2, highest]);
    expect(await seen({ nulls: 'include', lower, lateFrom: '3' })).toEqual([[1, 2, 3, 4], 2, highest]);
    for (const more of [{}, { lower }]) {
      expect(await failure(read('with_nulls', 'mark', { ...more, nulls: 'raise' }))).toMatchObject({
        code: 'WATERMARK',
        exitCode: 1,
        message: '2 rows have no value in the watermark column "mark"',
      });
    }
    await server().sql('DELETE FROM with_nulls WHERE mark IS NULL');
    expect(await seen({ nulls: 'raise', lower })).toEqual([[3], 0, highest]);
  });

  it.each([
    ['timestamptz', ''],
    ['timestamp', ''],
    ['date', ''],
    ['timestamptz', ", (5, 'infinity'), (6, '-infinity'), (7, '0044-03-15 BC'), (8, '20000-01-01')"],
    ['timestamp', ", (5, 'infinity'), (6, '-infinity'), (7, '0044-03-15 BC'), (8, '20000-01-01')"],
    ['date', ", (5, 'infinity'), (6, '-infinity'), (7, '0044-03-15 BC'), (8, '20000-01-01')"],
  ])('of %s is not in the future%s', async (type, more) => {
    const name = `future_${type}_${more.length}`;
    await server().sql(
      `CREATE TABLE ${name} (id integer, mark ${type}); INSERT INTO ${name} VALUES (1, '2999-01-01')${more}`,
    );
    const only = await read(name, 'mark');
    // Nothing that has happened yet: all that is sure is that everything up to now was read.
    const now = only.snapshot.at.replace('T', ' ').replace(/\.?0*Z$/, type === 'timestamptz' ? '+00' : '');
    expect(only.watermark).toBe(type === 'date' ? now.slice(0, 10) : now);
    await server().sql(`INSERT INTO ${name} VALUES (2, '2024-01-01'), (3, '2024-01-02')`);
    const both = await read(name, 'mark');
    expect(both.watermark).toBe(
      { timestamptz: '2024-01-02 00:00:00+00', timestamp: '2024-01-02 00:00:00', date: '2024-01-02' }[type],
    );
    const next = await read(name, 'mark', { lower: both.watermark });
    expect((await ids(next)).filter((id) => Number(id) < 5)).toEqual([1, 3]);
  });

  it('without zone counts as in the future when it is so by the clock of UTC or of the server', async () => {
    await server().sql(`
      CREATE TABLE local_times (id integer, mark timestamp);
      INSERT INTO local_times VALUES (1, '2024-01-01'), (2, now() AT TIME ZONE 'UTC' - interval '1 hour');
      ALTER ROLE limited SET timezone = 'America/New_York'`);
    const by = (user: string) =>
      extractWith(server().connection(user), { from: table('local_times'), watermark: watermark('mark') });
    expect((await by('limited')).watermark).toBe('2024-01-01 00:00:00');
    expect((await by('reader')).watermark).not.toBe('2024-01-01 00:00:00');
  });

  it('is of numbers only when they are ones', async () => {
    await server().sql(`
      CREATE TABLE odd_numbers (id integer, mark numeric, short numeric(6,2));
      INSERT INTO odd_numbers VALUES (1, 'NaN', 'NaN'), (2, 'Infinity', 7.5), (3, 12.5, -1), (4, -0.5, -2)`);
    expect((await read('odd_numbers', 'mark', { type: 'integer' })).watermark).toBe('12');
    expect((await read('odd_numbers', 'short', { type: 'integer' })).watermark).toBe('7');
    await server().sql('DELETE FROM odd_numbers WHERE id < 4');
    expect((await read('odd_numbers', 'mark', { type: 'integer' })).watermark).toBe('-1');
  });

  it('works on views and queries', async () => {
    await server().sql(`
      CREATE TABLE behind (id integer, mark timestamptz);
      INSERT INTO behind VALUES (1, '2024-01-01'), (2, '2024-01-02'), (3, NULL);
      CREATE VIEW in_front AS SELECT * FROM behind`);
    const lower = '2024-01-02 00:00:00+00';
    for (const from of [table('in_front'), { query: 'SELECT id, mark FROM behind; -- all' }]) {
      const mark = watermark('mark', { lower, lateFrom: '3' });
      const extracted = await extractWith(server().connection(), { from, watermark: mark });
      expect(await ids(extracted)).toEqual([2, 3]);
      expect(extracted).toMatchObject({ canSeeLateRows: false, lateRows: 0, watermark: lower });
    }
  });

  it('that cannot be one is refused', async () => {
    await server().sql('CREATE TABLE no_mark (id integer, updated_at timestamptz, name text, ratio float8)');
    const of = async (column: string, more: Partial<WatermarkRequest> = {}) => {
      const { code, exitCode, message } = await failure(read('no_mark', column, more));
      return [code, exitCode, message];
    };
    expect(await of('update_at')).toEqual(['CONFIG', 2, 'the watermark column "update_at" is not among the columns']);
    expect(await of('id')).toEqual([
      'CONFIG',
      2,
      'the column "id" has type integer, which is no watermark of type timestamp',
    ]);
    expect(await of('name')).toEqual([
      'CONFIG',
      2,
      'the column "name" has type text, which is no watermark of type timestamp',
    ]);
    expect((await of('ratio', { type: 'integer' })).slice(0, 2)).toEqual(['CONFIG', 2]);
    expect((await of('updated_at', { type: 'integer' })).slice(0, 2)).toEqual(['CONFIG', 2]);
    expect(await of('updated_at', { lower: 'yesterday noon' })).toEqual([
      'WATERMARK',
      2,
      'the watermark "yesterday noon" of the column "updated_at" cannot be compared with its values',
    ]);
    expect((await of('id', { type: 'integer', lower: '12.5' })).slice(0, 2)).toEqual(['WATERMARK', 2]);
    const without = extractWith(server().connection(), {
      from: table('no_mark'),
      columns: ['id'],
      watermark: watermark('updated_at'),
    });
    expect(await failure(without)).toMatchObject({
      code: 'CONFIG',
      message: 'the watermark column "updated_at" is not among the columns',
    });
  });

  it('has the server use an index', async () => {
    const db = await server().client();
    await db.query(`
      CREATE TABLE indexed AS SELECT i AS id, timestamptz '2020-01-01' + make_interval(mins => i) AS mark, i % 7 AS other FROM generate_series(1, 200000) AS i;
      CREATE INDEX ON indexed (mark);
      CREATE INDEX ON indexed (id);
      ANALYZE indexed;
      ALTER ROLE reader SET session_preload_libraries = 'auto_explain';
      ALTER ROLE reader SET auto_explain.log_min_duration = 0;
      ALTER ROLE reader SET auto_explain.log_level = 'log'`);
    const plans = async (more: Partial<WatermarkRequest>, column = 'mark') => {
      server().log = '';
      const extracted = await read('indexed', column, more);
      const plan = server()
        .log.split('Query Text: ')
        .find((text) => text.includes('TO STDOUT'));
      return { count: extracted.count, plan: plan ?? '' };
    };
    try {
      const lower = '2020-05-18 00:00:00+00';
      const first = await plans({ lower: null });
      expect(first.plan).toMatch(/Seq Scan on indexed/);
      for (const nulls of ['include', 'exclude', 'raise'] as const) {
        const found = await plans({ lower, nulls, overlap: '60000' });
        expect(found.count).toBeLessThan(5000);
        expect(found.plan).toMatch(/Index/);
        expect(found.plan).not.toMatch(/Seq Scan/);
      }
      const byId = await plans({ type: 'integer', lower: '199990', overlap: '5' }, 'id');
      expect(byId.count).toBe(16);
      expect(byId.plan).toMatch(/Index/);
      expect(byId.plan).not.toMatch(/Seq Scan/);
    } finally {
      await db.query('ALTER ROLE reader RESET ALL');
    }
  });
});
