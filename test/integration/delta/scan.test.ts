import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSession, query, tableIn } from '../../support/delta.js';
import { listType, type MadeTable, makeTable, mapType, structType } from '../../support/made-table.js';
import { repositoryRoot } from '../../support/repository.js';
import { tempFolder } from '../../support/temp-folder.js';

async function rowsOf(made: MadeTable, text = 'SELECT * FROM t ORDER BY ALL') {
  const session = await openSession();
  return (await query(session, tableIn(await makeTable(session, made), session), text)).rows;
}

/** What the log keeps about a change of type. */
const changed = (fromType: string, toType: string) => ({ metadata: { 'delta.typeChanges': [{ fromType, toType }] } });

describe('types that became wider', () => {
  const widened: MadeTable = {
    features: ['typeWidening', 'timestampNtz'],
    fields: [
      { name: 'id', type: 'integer' },
      { name: 'l', type: 'long' },
      { name: 'd', type: 'double', ...changed('integer', 'double') },
      { name: 'f', type: 'double', metadata: { 'delta.typeChanges': [{ fromType: 'float', toType: 'double' }] } },
      { name: 'm', type: 'decimal(20,4)', ...changed('decimal(4,1)', 'decimal(20,4)') },
      { name: 'm2', type: 'decimal(24,2)', ...changed('long', 'decimal(24,2)') },
      { name: 't', type: 'timestamp_ntz', ...changed('date', 'timestamp_ntz') },
      { name: 's', type: structType({ name: 'x', type: 'long' }) },
      { name: 'a', type: listType('decimal(12,2)') },
      { name: 'k', type: mapType('double', 'timestamp_ntz') },
    ],
    files: [
      {
        path: 'old.parquet',
        rows: `SELECT 1 AS id, (-128)::TINYINT AS l, 7::INTEGER AS d, 0.1::FLOAT AS f, 9.5::DECIMAL(4,1) AS m,
          (2^62)::BIGINT AS m2, DATE '1969-12-31' AS t, {'x': 5::SMALLINT} AS s, [3::SMALLINT] AS a,
          MAP {1.5::FLOAT: DATE '2024-02-29'} AS k`,
        stats: {
          numRecords: 1,
          minValues: { l: -128, d: 7, f: 0.1, m: 9.5, m2: 4611686018427388000, t: '1969-12-31', s: { x: 5 } },
          maxValues: { l: -128, d: 7, f: 0.1, m: 9.5, m2: 4611686018427388000, t: '1969-12-31', s: { x: 5 } },
          nullCount: { l: 0, d: 0, f: 0, m: 0, t: 0, s: { x: 0 } },
        },
      },
      {
        path: 'new.parquet',
        rows: `SELECT 2 AS id, 2::BIGINT AS l, 2.5::DOUBLE AS d, 2.5::DOUBLE AS f, 2.5::DECIMAL(20,4) AS m,
          2::DECIMAL(24,2) AS m2, TIMESTAMP '2024-01-01 01:02:03' AS t, {'x': 2::BIGINT} AS s, [2::DECIMAL(12,2)] AS a,
          MAP {2::DOUBLE: TIMESTAMP '2024-01-01'} AS k`,
      },
    ],
  };

  it('values of older files come in the type of the table, nested ones too', async () => {
    expect(await rowsOf(widened)).toEqual([
      {
        id: 1,
        l: -128n,
        d: 7,
        f: Math.fround(0.1),
        m: '9.5000',
        m2: '4611686018427387904.00',
        t: '1969-12-31T00:00:00Z',
        s: { x: 5n },
        a: ['3.00'],
        k: [{ key: 1.5, value: '2024-02-29T00:00:00Z' }],
      },
      {
        id: 2,
        l: 2n,
        d: 2.5,
        f: 2.5,
        m: '2.5000',
        m2: '2.00',
        t: '2024-01-01T01:02:03Z',
        s: { x: 2n },
        a: ['2.00'],
        k: [{ key: 2, value: '2024-01-01T00:00:00Z' }],
      },
    ]);
  });

  it.each([
    ['l < 0', 1],
    ['d = 7', 1],
    // The float nearest to 0.1 is a little more than the double nearest to it.
    ['f > 0.1 AND f < 0.2', 1],
    ['f = 0.1', 0],
    ['m = 9.5', 1],
    ['m = 9.53', 0],
    ['m < 9.53', 1],
    ['d < 7.4', 1],
    ['d = 7.4', 0],
    ['m2 < 4611686018427387904.5', 1],
    ["t < TIMESTAMP '1969-12-31 12:00:00'", 1],
    ["t = TIMESTAMP '1969-12-31 12:00:00'", 0],
    ['s.x < 5.5', 1],
    ['l > 5000000000', 0],
    ['l < 5000000000', 1],
    ['m2 = 4611686018427387904', 1],
    ["t < TIMESTAMP '1970-01-01'", 1],
    ["t = TIMESTAMP '1969-12-31 00:00:00'", 1],
    ['s.x = 5', 1],
  ])('no file is skipped wrongly: %s', async (where, rows) => {
    const text = `SELECT count(*) AS n FROM t WHERE ${where} AND id = 1`;
    expect(await rowsOf(widened, text)).toEqual([{ n: BigInt(rows) }]);
  });

  it('partition values of the older type', async () => {
    const made: MadeTable = {
      features: ['typeWidening', 'timestampNtz'],
      fields: [
        { name: 'v', type: 'long' },
        { name: 'p', type: 'decimal(12,2)' },
        { name: 'q', type: 'timestamp_ntz' },
        { name: 'r', type: 'double' },
      ],
      partitionColumns: ['p', 'q', 'r'],
      files: [
        { path: 'a.parquet', rows: 'SELECT 1::BIGINT AS v', partitionValues: { p: '7', q: '2024-01-02', r: '3' } },
        {
          path: 'b.parquet',
          rows: 'SELECT 2::BIGINT AS v',
          partitionValues: { p: '7.5', q: '2024-01-02 03:04:05', r: '3.25' },
        },
      ],
    };
    expect(await rowsOf(made)).toEqual([
      { v: 1n, p: '7.00', q: '2024-01-02T00:00:00Z', r: 3 },
      { v: 2n, p: '7.50', q: '2024-01-02T03:04:05Z', r: 3.25 },
    ]);
  });
});

describe('files that differ from the table', () => {
  it('names in other letters, columns and fields in another order, missing and surplus ones', async () => {
    const made: MadeTable = {
      fields: [
        { name: 'Id', type: 'long' },
        { name: 'S', type: structType({ name: 'New', type: 'string' }, { name: 'Old', type: 'long' }) },
        { name: 'later', type: listType(structType({ name: 'x', type: 'long' })) },
      ],
      files: [
        { path: 'a.parquet', rows: "SELECT 'surplus' AS file_index, {'OLD': 5} AS s, 1::BIGINT AS iD" },
        { path: 'b.parquet', rows: "SELECT 2::BIGINT AS id, {'old': 6, 'new': 'n'} AS s, [{'x': 1}] AS LATER" },
      ],
    };
    expect(await rowsOf(made)).toEqual([
      { Id: 1n, S: { New: null, Old: 5n }, later: null },
      { Id: 2n, S: { New: 'n', Old: 6n }, later: [{ x: 1n }] },
    ]);
  });

  it('void columns and structs without fields are NULL, and are no column of the files', async () => {
    const made: MadeTable = {
      fields: [
        { name: 'v', type: 'void' },
        { name: 'id', type: 'long' },
        { name: 's', type: structType({ name: 'v', type: 'void' }, { name: 'x', type: 'long' }) },
        { name: 'l', type: listType('void') },
        { name: 'e', type: structType() },
      ],
      files: [{ path: 'a.parquet', rows: "SELECT 1::BIGINT AS id, {'x': 2::BIGINT} AS s UNION ALL SELECT 2, NULL" }],
    };
    expect(await rowsOf(made, 'SELECT * FROM t ORDER BY id')).toEqual([
      { v: null, id: 1n, s: { v: null, x: 2n }, l: null, e: null },
      { v: null, id: 2n, s: null, l: null, e: null },
    ]);
    expect(await rowsOf(made, 'SELECT count(*) AS n FROM t WHERE v IS NULL')).toEqual([{ n: 2n }]);
  });

  it("the log's partition value wins over a column of the file", async () => {
    const made: MadeTable = {
      fields: [
        { name: 'id', type: 'long' },
        { name: 'p', type: 'string' },
      ],
      partitionColumns: ['p'],
      files: [
        { path: 'p=c/a.parquet', rows: "SELECT 1::BIGINT AS id, 'a' AS p", partitionValues: { p: 'b' } },
        { path: 'b.parquet', rows: "SELECT 2::BIGINT AS id, 'a' AS p", partitionValues: { p: '' } },
      ],
    };
    expect(await rowsOf(made)).toEqual([
      { id: 1n, p: 'b' },
      { id: 2n, p: null },
    ]);
    expect(await rowsOf(made, "SELECT id FROM t WHERE p = 'b'")).toEqual([{ id: 1n }]);
    const only = { ...made, fields: [{ name: 'p', type: 'string' }] };
    expect(await rowsOf(only)).toEqual([{ p: 'b' }, { p: null }]);
  });

  it('instants in every form that Parquet has for them, near and far', async () => {
    const made: MadeTable = {
      features: ['timestampNtz'],
      fields: [
        { name: 't', type: 'timestamp' },
        { name: 'n', type: 'timestamp_ntz' },
      ],
      files: [
        {
          path: 'a.parquet',
          rows: "SELECT TIMESTAMP_S '2024-01-01 00:00:01' AS t, TIMESTAMP_MS '2024-01-01 00:00:00.001' AS n",
        },
        {
          path: 'b.parquet',
          rows: "SELECT TIMESTAMP_NS '2024-01-01 00:00:02.123456789' AS t, TIMESTAMP '0001-01-01 00:00:00' AS n",
        },
        {
          path: 'c.parquet',
          rows: "SELECT TIMESTAMPTZ '9999-12-31 23:59:59.999999+00' AS t, TIMESTAMP '9999-12-31 23:59:59.999999' AS n",
        },
      ],
    };
    expect(await rowsOf(made)).toEqual([
      { t: '2024-01-01T00:00:01Z', n: '2024-01-01T00:00:00.001Z' },
      { t: '2024-01-01T00:00:02.123456Z', n: '0001-01-01T00:00:00Z' },
      { t: '9999-12-31T23:59:59.999999Z', n: '9999-12-31T23:59:59.999999Z' },
    ]);
  });

  it('a table without columns says so', async () => {
    await expect(rowsOf({ fields: [], files: [] }, 'SELECT count(*) FROM t')).rejects.toMatchObject({
      code: 'DELTA_SCHEMA',
      message: expect.stringContaining('no columns'),
    });
  });
});

describe('names', () => {
  it('of files and columns may hold anything', async () => {
    const names = ['a*b', 'c?d', '[e]', '100%', '%41', 'q r', "it's", 'say "x"', '#1', 'ü😀', 'a:b', 'x+y&z', '{a}'];
    const made: MadeTable = {
      fields: [...names.map((name) => ({ name, type: 'long' })), { name: 'p', type: 'string' }],
      partitionColumns: ['p'],
      files: names.map((name, i) => ({
        path: `${name}/${name}.parquet`,
        rows: `SELECT ${names.map((column) => `${i}::BIGINT AS "${column.replaceAll('"', '""')}"`).join(', ')}`,
        partitionValues: { p: name },
      })),
    };
    const expected = names.map((p, i) => ({ ...Object.fromEntries(names.map((name) => [name, BigInt(i)])), p }));
    expect(await rowsOf(made, `SELECT * FROM t ORDER BY "a*b"`)).toEqual(expected);
  });

  it('a file elsewhere: a path, a file URI, another store', async () => {
    const folder = tempFolder();
    const [one, two] = [join(folder, 'a b%c.parquet'), join(folder, 'd e%f.parquet')];
    const session = await openSession();
    const files = [
      { path: one, rows: 'SELECT 1::BIGINT AS id', logPath: one.replace('%', '%25').replace(' ', '%20') },
      { path: two, rows: 'SELECT 2::BIGINT AS id', logPath: pathToFileURL(two).href },
    ];
    const fields = [{ name: 'id', type: 'long' }];
    expect(await rowsOf({ fields, files })).toEqual([{ id: 1n }, { id: 2n }]);
    const other = [{ path: 'x.parquet', logPath: 's3://bucket/x.parquet' }];
    const table = tableIn(await makeTable(session, { fields, files: other }), session);
    await expect(query(session, table, 'SELECT * FROM t')).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining('s3://bucket/x.parquet'),
    });
  });
});

describe('files that cannot be read', () => {
  const fields = [{ name: 'id', type: 'long' }];

  it('one that is missing: the file, the table and what may have happened', async () => {
    const files = [{ path: 'a.parquet', rows: 'SELECT 1::BIGINT AS id' }, { path: 'g[o]n?e.parquet' }];
    await expect(rowsOf({ fields, files })).rejects.toMatchObject({
      code: 'DATA_FILE_MISSING',
      place: expect.stringMatching(/\/g\[o\]n\?e\.parquet of \/.*@0$/),
      hint: expect.stringContaining('vacuumed'),
    });
  });

  it.each([
    ['text', 'no Parquet file at all'],
    ['nothing', ''],
    ['a footer that lies', `PAR1${'x'.repeat(50)}\xff\xff\xff\x7fPAR1`],
  ])('one that holds %s', async (_, text) => {
    const session = await openSession();
    const folder = await makeTable(session, { fields, files: [{ path: 'bad.parquet' }] });
    writeFileSync(join(folder, 'bad.parquet'), text, 'latin1');
    const table = tableIn(folder, session);
    await expect(query(session, table, 'SELECT * FROM t')).rejects.toMatchObject({
      code: 'DATA_FILE_UNREADABLE',
      place: expect.stringMatching(/\/bad\.parquet of \/.*@0$/),
    });
  });

  it('one whose column is of a type that does not fit', async () => {
    const files = [{ path: 'a.parquet', rows: "SELECT 'seven' AS id" }];
    await expect(rowsOf({ fields, files })).rejects.toMatchObject({
      code: 'DATA_FILE_UNREADABLE',
      message: expect.stringMatching(/"id" from type VARCHAR to BIGINT/),
      place: expect.stringContaining('/a.parquet of '),
    });
  });

  it('an error of the statement stays what it is', async () => {
    const files = [{ path: 'a.parquet', rows: 'SELECT 1::BIGINT AS id' }];
    await expect(rowsOf({ fields, files }, "SELECT CAST('x' AS INTEGER) FROM t")).rejects.toMatchObject({
      code: 'SQL',
    });
  });

  const poison = join(repositoryRoot, '..', 'shared', 'data', 'data', 'files', 'parquet', 'poison_case-041.parquet');
  if (!existsSync(poison)) process.stderr.write(`skipped: there is no ${poison}\n`);
  it.skipIf(!existsSync(poison))('one that makes DuckDB fail inside: the next statement works', async () => {
    const session = await openSession();
    const good = await makeTable(session, { fields, files: [{ path: 'a.parquet', rows: 'SELECT 1::BIGINT AS id' }] });
    const field = { name: 'var', type: structType({ name: 'x', type: 'long' }) };
    const bad = await makeTable(session, { fields: [...fields, field], files: [{ path: poison, logPath: poison }] });
    for (let round = 0; round < 2; round++) {
      await expect(query(session, tableIn(bad, session), 'SELECT * FROM t')).rejects.toMatchObject({
        code: expect.stringMatching(/^(ENGINE_FAILED|DATA_FILE_UNREADABLE)$/),
      });
      expect((await query(session, tableIn(good, session), 'SELECT * FROM t')).rows).toEqual([{ id: 1n }]);
    }
  });
});
