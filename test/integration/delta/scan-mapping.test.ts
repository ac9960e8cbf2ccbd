import { describe, expect, it } from 'vitest';
import { openSession, query, tableIn } from '../../support/delta.js';
import { listType, type MadeTable, makeTable, mapped, mapType, structType } from '../../support/made-table.js';

const ID_MODE = { 'delta.columnMapping.mode': 'id', 'delta.columnMapping.maxColumnId': '20' };
const NAME_MODE = { 'delta.columnMapping.mode': 'name', 'delta.columnMapping.maxColumnId': '20' };

const pointWith = (id: number) =>
  structType(
    { name: 'East West', type: 'long', metadata: mapped(id, 'p_x') },
    { name: 'y', type: 'integer', metadata: mapped(id + 1, 'p_y') },
  );
const fields = [
  { name: 'Key', type: 'long', metadata: mapped(1, 'c_key') },
  { name: 'point', type: pointWith(11), metadata: mapped(2, 'c_point') },
  { name: 'list', type: listType(pointWith(13)), metadata: mapped(3, 'c_list') },
  { name: 'map', type: mapType(pointWith(15), listType(pointWith(17))), metadata: mapped(4, 'c_map') },
  { name: 'day', type: 'date', metadata: mapped(5, 'c_day') },
];
const POINT = "{'p_x': 1, 'p_y': 2}";
const stored = `SELECT 1::BIGINT AS c_key, ${POINT} AS c_point, [${POINT}, NULL] AS c_list, MAP {${POINT}: [${POINT}]} AS c_map
  UNION ALL SELECT 2, NULL, NULL, NULL UNION ALL SELECT 3, {'p_x': NULL, 'p_y': 5}, [], MAP {}`;
const logical = { 'East West': 1n, y: 2 };

async function rowsOf(made: MadeTable, text = 'SELECT * FROM t ORDER BY ALL') {
  const session = await openSession();
  return (await query(session, tableIn(await makeTable(session, made), session), text)).rows;
}

const byName: MadeTable = {
  fields,
  partitionColumns: ['day'],
  configuration: NAME_MODE,
  protocol: { minReaderVersion: 2, minWriterVersion: 5 },
  files: [{ path: 'a.parquet', rows: stored, partitionValues: { c_day: '2024-05-06' } }],
};

describe('column mapping by name', () => {
  it('renames columns and fields at every depth, and partition values', async () => {
    expect(await rowsOf(byName)).toEqual([
      {
        Key: 1n,
        point: logical,
        list: [logical, null],
        map: [{ key: logical, value: [logical] }],
        day: '2024-05-06',
      },
      { Key: 2n, point: null, list: null, map: null, day: '2024-05-06' },
      { Key: 3n, point: { 'East West': null, y: 5 }, list: [], map: [], day: '2024-05-06' },
    ]);
  });

  it('the types are those of the table, in older files too', async () => {
    const old = `SELECT 7::TINYINT AS c_key, {'p_y': 1::SMALLINT} AS c_point, [{'p_y': 2::TINYINT}] AS c_list`;
    const made = { ...byName, files: [...byName.files, { path: 'b.parquet', rows: old, partitionValues: {} }] };
    const text =
      'SELECT typeof("Key") || typeof(point) || typeof(list) || typeof(map) AS types, count(*) AS n FROM t GROUP BY 1';
    const s = 'STRUCT("East West" BIGINT, y INTEGER)';
    expect(await rowsOf(made, text)).toEqual([{ types: `BIGINT${s}${s}[]MAP(${s}, ${s}[])`, n: 4n }]);
    expect(await rowsOf(made, 'SELECT * FROM t WHERE "Key" = 7')).toEqual([
      { Key: 7n, point: { 'East West': null, y: 1 }, list: [{ 'East West': null, y: 2 }], map: null, day: null },
    ]);
  });

  it('a struct of which a file has none of the fields is NULL only where it is NULL', async () => {
    const old = "SELECT 7::BIGINT AS c_key, {'gone': 1} AS c_point UNION ALL SELECT 8, NULL";
    const made = { ...byName, files: [{ path: 'b.parquet', rows: old }] };
    expect(await rowsOf(made, 'SELECT "Key", point FROM t ORDER BY ALL')).toEqual([
      { Key: 7n, point: { 'East West': null, y: null } },
      { Key: 8n, point: null },
    ]);
  });

  it('a column that was dropped and added again under its name does not show the old values', async () => {
    const again = [{ name: 'Key', type: 'string', metadata: mapped(9, 'c_key_2') }];
    const made = { ...byName, partitionColumns: [], fields: again };
    expect(await rowsOf({ ...made, files: [{ path: 'a.parquet', rows: stored }] }, 'SELECT * FROM t')).toEqual([
      { Key: null },
      { Key: null },
      { Key: null },
    ]);
  });
});

const IDS = `FIELD_IDS {a: 1, b: {__duckdb_field_id: 2, x: 11, y: 12},
  c: {__duckdb_field_id: 3, element: {__duckdb_field_id: 30, x: 13, y: 14}},
  d: {__duckdb_field_id: 4, key: {__duckdb_field_id: 40, x: 15, y: 16},
    value: {__duckdb_field_id: 41, element: {__duckdb_field_id: 42, x: 17, y: 18}}}}`;
const OTHER = "{'x': 1, 'y': 2}";

describe('column mapping by id', () => {
  const byId: MadeTable = {
    ...byName,
    configuration: ID_MODE,
    files: [
      {
        path: 'a.parquet',
        rows: `SELECT 1::BIGINT AS a, ${OTHER} AS b, [${OTHER}] AS c, MAP {${OTHER}: [${OTHER}]} AS d`,
        options: IDS,
        partitionValues: { c_day: '2024-05-06' },
      },
      // The same ids under other names, in another order, and a column too many that has a physical name of the table.
      {
        path: 'b.parquet',
        rows: "SELECT {'q': 6, 'r': 5, 'p_x': 0} AS c_key, 4::BIGINT AS z",
        options: 'FIELD_IDS {z: 1, c_key: {__duckdb_field_id: 2, q: 12, r: 11, p_x: 99}}',
        partitionValues: { c_day: null },
      },
    ],
  };

  it('finds columns and fields by their ids, whatever they are called', async () => {
    expect(await rowsOf(byId)).toEqual([
      { Key: 1n, point: logical, list: [logical], map: [{ key: logical, value: [logical] }], day: '2024-05-06' },
      { Key: 4n, point: { 'East West': 5n, y: 6 }, list: null, map: null, day: null },
    ]);
  });

  it('row positions are those of the files, in every group of files', async () => {
    const session = await openSession();
    const table = tableIn(await makeTable(session, byId), session);
    const snapshot = await table.snapshot();
    const files = [...snapshot.files].reverse();
    const relation = await table.scan({ slot: 'ids', snapshot, files, position: true });
    expect(await session.rows(`SELECT "Key", _file_index, _file_row FROM (${relation}) ORDER BY ALL`)).toEqual([
      { Key: 1n, _file_index: 1n, _file_row: 0n },
      { Key: 4n, _file_index: 0n, _file_row: 0n },
    ]);
  });

  it('a file without ids is refused, because its columns cannot be told', async () => {
    const made = { ...byId, files: [{ path: 'c.parquet', rows: 'SELECT 1 AS c_key' }] };
    await expect(rowsOf(made)).rejects.toMatchObject({
      code: 'DATA_FILE_UNREADABLE',
      message: expect.stringContaining('no field ids'),
      place: expect.stringMatching(/c\.parquet of .*@0$/),
    });
  });
});

describe('skipping under column mapping', () => {
  const stats = (min: number, max: number) => ({
    numRecords: 1,
    minValues: { c_key: min, c_point: { p_x: min } },
    maxValues: { c_key: max, c_point: { p_x: max } },
    nullCount: { c_key: 0, c_point: { p_x: 0 } },
  });
  const file = (n: number) => ({
    path: `${n}.parquet`,
    rows: `SELECT ${n}::BIGINT AS c_key, {'p_x': ${n}, 'p_y': 0} AS c_point`,
    partitionValues: { c_day: `2024-01-0${n}` },
    stats: stats(n, n),
  });

  it('uses physical names of columns, fields and partition values, and logical names in the statement', async () => {
    const session = await openSession();
    const folder = await makeTable(session, { ...byName, files: [1, 2, 3, 4].map(file) });
    const table = tableIn(folder, session);
    for (const [where, rows, read] of [
      ['"Key" = 2', 1, 1],
      ['"Key" >= 3', 2, 2],
      ['point."East West" = 4', 1, 1],
      ["day = '2024-01-03'", 1, 1],
      ['day < \'2024-01-03\' AND "Key" > 1', 1, 1],
      ['"Key" IS NULL', 0, 0],
      ['c_key = 2', undefined, 0],
    ] as const) {
      const text = `SELECT count(*) AS n FROM t WHERE ${where}`;
      if (rows === undefined) {
        await expect(query(session, table, text)).rejects.toMatchObject({ code: 'SQL' });
        continue;
      }
      const found = await query(session, table, text);
      const all = await query(session, table, text, { skipping: false });
      expect([where, found.rows, found.read]).toEqual([where, [{ n: BigInt(rows) }], read]);
      expect([all.rows, all.read]).toEqual([found.rows, 4]);
    }
  });
});
