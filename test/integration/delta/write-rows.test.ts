import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DeltaTable } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const MODES: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['copy-on-write', {}],
  ['deletion vectors', { 'delta.enableDeletionVectors': 'true' }],
  ['column mapping', { 'delta.columnMapping.mode': 'name' }],
  [
    'column mapping by id, deletion vectors',
    { 'delta.columnMapping.mode': 'id', 'delta.enableDeletionVectors': 'true' },
  ],
  ['change data feed', { 'delta.enableChangeDataFeed': 'true' }],
];

const TEN = "SELECT range AS id, 'a' || range AS name, range // 5 AS part FROM range(10)";

interface Made {
  readonly session: Session;
  readonly table: DeltaTable;
  readonly folder: string;
  ids(): Promise<string>;
  pairs(): Promise<string>;
}

async function make(
  configuration: Readonly<Record<string, string>>,
  partitionColumns: readonly string[] = [],
): Promise<Made> {
  const session = await openSession();
  const folder = tempFolder();
  const table = tableIn(folder, session);
  await table.create({
    schema: columns({ id: 'BIGINT', name: 'VARCHAR', part: 'BIGINT' }),
    configuration,
    partitionColumns,
  });
  await table.append(sql(TEN));
  const text = async (statement: string) => {
    const { rows } = await query(session, table, statement);
    return rows.map((row) => Object.values(row).join(':')).join(' ');
  };
  return {
    session,
    table,
    folder,
    ids: () => text('SELECT id FROM t ORDER BY id'),
    pairs: () => text('SELECT id, name FROM t ORDER BY id, name'),
  };
}

describe.each(MODES)('%s', (_, configuration) => {
  test.each([[[]], [['part']]])('delete, update and merge, partitioned by %j', async (partitionColumns) => {
    const { session, table, ids, pairs } = await make(configuration, partitionColumns);
    expect(await table.delete({ where: 'id IN (1, $x)', params: { x: 8 } })).toMatchObject({
      deleted: 2,
      committed: true,
    });
    expect(await ids()).toBe('0 2 3 4 5 6 7 9');
    expect(await table.update({ where: 'id > 6', set: { name: "upper(name) || '!'", id: 'id + 100' } })).toMatchObject({
      updated: 2,
    });
    expect(await pairs()).toBe('0:a0 2:a2 3:a3 4:a4 5:a5 6:a6 107:A7! 109:A9!');
    await session.run(
      'CREATE TABLE incoming AS SELECT * FROM (VALUES (2, NULL, 0), (3, $$new$$, 0), (50, $$fresh$$, 7)) AS v(id, name, part)',
    );
    const merged = await table.mergeInto({
      source: sql('SELECT * FROM incoming'),
      on: 'target.id = source.id',
      whenMatched: [{ and: 'source.name IS NULL', delete: true }, { update: { name: 'source.name || target.name' } }],
      whenNotMatched: [{ insert: '*' }],
    });
    expect(merged).toMatchObject({ inserted: 1, updated: 1, deleted: 1 });
    expect(await pairs()).toBe('0:a0 3:newa3 4:a4 5:a5 6:a6 50:fresh 107:A7! 109:A9!');
    const swept = await table.mergeInto({
      source: sql('SELECT 3 AS id UNION ALL SELECT 4'),
      on: 'target.id = source.id',
      whenNotMatchedBySource: [{ and: 'target.id > 100', delete: true }, { update: { name: "'old'" } }],
    });
    expect(swept).toMatchObject({ inserted: 0, updated: 4, deleted: 2 });
    expect(await pairs()).toBe('0:old 3:newa3 4:a4 5:old 6:old 50:old');
  });

  test('overwrite and replaceWhere', async () => {
    const { table, pairs } = await make(configuration, ['part']);
    await table.overwrite(sql("SELECT 5 AS id, 'n' AS name, 1 AS part"), { replaceWhere: 'part = 1' });
    expect(await pairs()).toBe('0:a0 1:a1 2:a2 3:a3 4:a4 5:n');
    await table.overwrite(sql("SELECT 3 AS id, 'm' AS name, 0 AS part"), { replaceWhere: 'id = 3' });
    expect(await pairs()).toBe('0:a0 1:a1 2:a2 3:m 4:a4 5:n');
    const outside = table.overwrite(sql("SELECT 4 AS id, 'm' AS name, 0 AS part"), { replaceWhere: 'id = 3' });
    await expect(outside).rejects.toMatchObject({ code: 'DELTA_REPLACE_WHERE', exitCode: 1 });
    await table.overwrite(sql("SELECT 1 AS id, 'x' AS name, 2 AS part"));
    expect(await pairs()).toBe('1:x');
  });
});

test('deletion vectors leave data files alone until most rows are gone', async () => {
  const { table, folder, ids } = await make({ 'delta.enableDeletionVectors': 'true' });
  const parquet = () => readdirSync(folder).filter((name) => name.endsWith('.parquet'));
  const [file] = parquet();
  await table.delete({ where: 'id < 2' });
  await table.delete({ where: 'id = 4' });
  expect(parquet()).toEqual([file]);
  const snapshot = await table.snapshot();
  expect(snapshot.files.map((f) => f.deletionVector?.cardinality)).toEqual([3]);
  expect(JSON.parse(snapshot.files[0]?.stats ?? '')).toMatchObject({ numRecords: 10, tightBounds: false });
  await table.delete({ where: 'id < 8' });
  expect(parquet()).toHaveLength(2);
  expect(await ids()).toBe('8 9');
  await table.delete({ where: 'id >= 8' });
  expect((await table.snapshot()).files).toEqual([]);
});
