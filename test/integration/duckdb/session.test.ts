import { describe, expect, it } from 'vitest';
import { Session } from '../../../src/duckdb/session.js';
import { type SqlRow, toJson } from '../../../src/duckdb/values.js';
import { openSession } from '../../support/delta.js';

async function drain(rows: AsyncIterable<readonly SqlRow[]>): Promise<number> {
  let count = 0;
  for await (const chunk of rows) count += chunk.length;
  return count;
}

describe('values', () => {
  it.each([
    ["DATE '2026-02-03'", '2026-02-03'],
    ["DATE '0001-01-01'", '0001-01-01'],
    ["TIMESTAMP '2026-02-03 04:05:06.7'", '2026-02-03T04:05:06.7Z'],
    ["TIMESTAMPTZ '2026-02-03 04:05:06.000001+02'", '2026-02-03T02:05:06.000001Z'],
    ["TIMESTAMPTZ '1969-12-31 23:59:59.5Z'", '1969-12-31T23:59:59.5Z'],
    ["TIMESTAMP_MS '2026-02-03 04:05:06.789'", '2026-02-03T04:05:06.789Z'],
    ["TIMESTAMP_S '2026-02-03 04:05:06'", '2026-02-03T04:05:06Z'],
    ["TIMESTAMP_NS '1969-12-31 23:59:59.9999995'", '1969-12-31T23:59:59.999999Z'],
    ["TIMESTAMP_NS '2026-02-03 04:05:06.123456789'", '2026-02-03T04:05:06.123456Z'],
    ['9223372036854775807::BIGINT', 9223372036854775807n],
    ['1.10::DECIMAL(38,2)', '1.10'],
    ['true', true],
    ['1.5::DOUBLE', 1.5],
    ['NULL', null],
    ['[1, NULL]::BIGINT[]', [1n, null]],
    ["{'a': DATE '2026-01-01', 'b': [1.5::DECIMAL(3,1)]}", { a: '2026-01-01', b: ['1.5'] }],
    ["map(['x'], [1])", [{ key: 'x', value: 1 }]],
    ["'\\xAA'::BLOB", Buffer.from([0xaa])],
    ["'6b1d6a4e-5b0f-4c1e-9d52-0d6a4e5b0f4c'::UUID", '6b1d6a4e-5b0f-4c1e-9d52-0d6a4e5b0f4c'],
  ])('%s', async (expression, expected) => {
    const session = await openSession();
    const [row] = await session.rows(`SELECT ${expression} AS x`);
    expect(row?.['x']).toEqual(expected);
  });

  it('become JSON without loss', () => {
    expect(toJson(9007199254740991n)).toBe(9007199254740991);
    expect(toJson(-9007199254740993n)).toBe('-9007199254740993');
    expect(toJson([Number.NaN, Number.NEGATIVE_INFINITY, { a: new Uint8Array([1, 2]) }])).toEqual([
      'NaN',
      '-Infinity',
      { a: 'AQI=' },
    ]);
  });
});

describe('parameters', () => {
  it.each([
    [5, 'INTEGER', 5],
    [-5_000_000_000, 'BIGINT', -5_000_000_000n],
    [1.5, 'DOUBLE', 1.5],
    [7n, 'BIGINT', 7n],
    ["it's; --", 'VARCHAR', "it's; --"],
    [false, 'BOOLEAN', false],
    [null, '"NULL"', null],
    [['a', null, 'b'], 'VARCHAR[]', ['a', null, 'b']],
    [[], 'VARCHAR[]', []],
  ])('%s is bound as %s', async (value, type, back) => {
    const session = await openSession();
    expect(await session.rows('SELECT typeof($x) AS t, $x AS v', { x: value })).toEqual([{ t: type, v: back }]);
  });
});

describe('errors', () => {
  it.each(['SELECT nope', 'SELEC 1', "SELECT CAST('x' AS INT)", 'SELECT * FROM missing'])(
    '%s keeps the text of DuckDB, and the session goes on',
    async (text) => {
      const session = await openSession();
      await expect(session.rows(text)).rejects.toMatchObject({ code: 'SQL', message: expect.stringMatching(/Error/) });
      expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
  );
});

describe('stream', () => {
  it('yields every row once, in order, in chunks, after the columns', async () => {
    const session = await openSession();
    const ids: number[] = [];
    let columns: unknown;
    let chunks = 0;
    const stream = session.stream(
      'SELECT i AS id, NULL AS "b c" FROM range($n::BIGINT) t(i) ORDER BY i DESC; -- x',
      { n: 5000 },
      (c) => {
        columns = c;
      },
    );
    for await (const rows of stream) {
      expect(columns).toEqual([
        { name: 'id', type: 'BIGINT' },
        { name: 'b c', type: expect.any(String) },
      ]);
      expect(Object.keys(rows[0] ?? {})).toEqual(['id', 'b c']);
      ids.push(...rows.map((row) => Number(row['id'])));
      chunks += 1;
    }
    expect(chunks).toBeGreaterThan(1);
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, i) => 4999 - i));
  });

  it('of no rows tells the columns and yields nothing', async () => {
    const session = await openSession();
    const seen: unknown[] = [];
    expect(await drain(session.stream('SELECT 1 AS a WHERE false', undefined, (c) => seen.push(c)))).toBe(0);
    expect(seen).toEqual([[{ name: 'a', type: 'INTEGER' }]]);
  });

  it.each(['SELECT 1 AS a, 2 AS a', 'VALUES (1)', 'FROM range(3)', 'DESCRIBE SELECT 1 AS x', 'SHOW TABLES'])(
    'runs %s',
    async (text) => {
      const session = await openSession();
      expect(await drain(session.stream(text))).toBe((await session.rows(text)).length);
    },
  );

  it('rejects with the reason when the statement fails midway', async () => {
    const session = await openSession();
    const text = "SELECT CAST(CASE WHEN i = 90000 THEN 'x' ELSE '1' END AS INT) AS v FROM range(100000) t(i)";
    await expect(drain(session.stream(text))).rejects.toMatchObject({
      code: 'SQL',
      message: expect.stringContaining("Could not convert string 'x'"),
    });
    expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('rejects when it is interrupted, and the session goes on', async () => {
    const session = await openSession();
    const consume = async () => {
      for await (const _ of session.stream('SELECT a.i FROM range(1000000) a(i), range(1000000) b(i)')) {
        session.interrupt();
      }
    };
    await expect(consume()).rejects.toMatchObject({ code: 'SQL', message: expect.stringMatching(/interrupt/i) });
    expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('can be left early', async () => {
    const session = await openSession();
    for await (const rows of session.stream('SELECT * FROM range(1000000)')) {
      expect(rows.length).toBeGreaterThan(0);
      break;
    }
    expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a session', () => {
  it('interrupts a statement that is running', async () => {
    const session = await openSession();
    const running = session.rows('SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)');
    setTimeout(() => session.interrupt(), 100);
    await expect(running).rejects.toMatchObject({ code: 'SQL', message: expect.stringMatching(/interrupt/i) });
    expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is in UTC and loads no extension by itself', async () => {
    const session = await openSession();
    const [row] = await session.rows(
      "SELECT current_setting('TimeZone') AS zone, current_setting('autoinstall_known_extensions') AS install",
    );
    expect(row).toEqual({ zone: 'UTC', install: false });
  });

  it('bounds memory for a while, also when the work fails', async () => {
    const session = await Session.open();
    const settings = async () =>
      session.rows("SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads");
    try {
      const before = await settings();
      const inside = await session.withLimitedMemory(settings);
      expect(inside).toEqual([{ memory: expect.stringMatching(/^9\d\.\d MiB$/), threads: 1n }]);
      await expect(session.withLimitedMemory(() => session.rows('SELECT nope'))).rejects.toMatchObject({ code: 'SQL' });
      expect(await settings()).toEqual(before);
    } finally {
      session.close();
    }
  });
});
