import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeltaType, PrimitiveName } from '../../../src/delta/protocol/schema.js';
import { columns, openSession, sql, tableIn } from '../../support/delta.js';
import { CHANGE_FEED, changesIn, DELETION_VECTORS, makeWritten, TEN, written } from '../../support/delta-writes.js';
import { tempFolder } from '../../support/temp-folder.js';

const VALUES: Readonly<Record<string, readonly [first: string, second: string]>> = {
  TINYINT: ['-128', '127'],
  SMALLINT: ['-1', '32767'],
  INTEGER: ['0', '-2147483648'],
  BIGINT: ['9223372036854775807', '-9223372036854775808'],
  FLOAT: ['1.1', "'-inf'"],
  DOUBLE: ["'nan'", '1e300'],
  'DECIMAL(38,10)': ['1234567890123456789012345678.0123456789', '-0.0000000001'],
  BOOLEAN: ['true', 'false'],
  VARCHAR: ["'a/b=c %41 ''q'' \"d\" é 🦆'", "'null'"],
  BLOB: ["'abc'", "'x\\x41'"],
  DATE: ["'0001-01-01'", "'9999-12-31'"],
  TIMESTAMP: ["'2026-01-01 00:00:00.000001'", "'1969-12-31 23:59:59.999999'"],
  'TIMESTAMP WITH TIME ZONE': ["'2026-03-29 01:30:00.123456+00'", "'0001-01-01 00:00:00+00'"],
};

describe('partition values', () => {
  it.each(Object.entries(VALUES))('of type %s are moved, merged and found again', async (type, [first, second]) => {
    const made = await makeWritten({
      columns: { id: 'INTEGER', p: type, v: type },
      partitionColumns: ['p'],
      configuration: DELETION_VECTORS,
    });
    const [one, two] = [`(${first})::${type}`, `(${second})::${type}`];
    await made.table.append(
      sql(
        `SELECT * FROM (VALUES (1, ${one}, ${one}), (2, ${two}, ${two}), (3, NULL, NULL), (4, ${one}, ${two})) AS x(id, p, v)`,
      ),
    );
    expect(await made.rows('SELECT id FROM t WHERE p IS NOT DISTINCT FROM v ORDER BY id')).toEqual([
      '[1]',
      '[2]',
      '[3]',
    ]);
    await made.table.update({ where: `p = ${one} AND v = ${two}`, set: { p: 'v', v: 'p' } });
    expect(await made.rows(`SELECT id FROM t WHERE p = ${two} AND v = ${one}`)).toEqual(['[4]']);
    const source = sql(`SELECT 3 AS id, ${two} AS p, ${two} AS v UNION ALL SELECT 5, ${one}, ${one}`);
    const merge = {
      source,
      on: 'target.id = source.id',
      whenMatched: [{ update: '*' as const }],
      whenNotMatched: [{ insert: '*' as const }],
    };
    expect(await made.table.mergeInto(merge)).toMatchObject({ updated: 1, inserted: 1 });
    const byKey = {
      source: sql(`SELECT ${one} AS k`),
      on: 'target.p = source.k',
      whenMatched: [{ delete: true as const }],
    };
    expect(await made.table.mergeInto(byKey)).toMatchObject({ deleted: 2 });
    expect(await made.table.delete({ where: `v = ${two}` })).toMatchObject({ deleted: 2 });
    expect(await made.rows('SELECT id FROM t')).toEqual(['[4]']);
    expect(await made.orphans()).toEqual([]);
  });
});

const WIDENINGS: readonly (readonly [from: string, to: PrimitiveName, old: string, fresh: string])[] = [
  ['TINYINT', 'short', '5', '300'],
  ['SMALLINT', 'long', '5', '3000000000'],
  ['INTEGER', 'double', '5', '0.5'],
  ['INTEGER', 'decimal(12,2)', '5', '1.25'],
  ['BIGINT', 'decimal(22,2)', '5', '1.25'],
  ['FLOAT', 'double', '0.5', '1e300'],
  ['DECIMAL(5,2)', 'decimal(12,4)', '5.25', '12345678.1234'],
  ['DATE', 'timestamp_ntz', "'2026-01-01'::DATE", "'2026-01-01 10:00:00'::TIMESTAMP"],
];

describe.each([[[]], [['w']]])('widened columns, partitioned by %j', (partitionColumns) => {
  it.each(WIDENINGS)('%s to %s', async (from, to, old, fresh) => {
    const made = await makeWritten({
      columns: { id: 'INTEGER', w: from },
      partitionColumns,
      rows: `SELECT 1 AS id, ${old} AS w`,
    });
    const type: DeltaType = { kind: 'primitive', name: to };
    await expect(made.table.widenColumn(['w'], type)).rejects.toMatchObject({ code: 'USAGE' });
    await made.table.setProperties({ ...DELETION_VECTORS, 'delta.enableTypeWidening': 'true' });
    await made.table.widenColumn(['W'], type);
    await made.table.append(sql(`SELECT 2 AS id, ${fresh} AS w`));
    expect(await made.rows(`SELECT id FROM t WHERE w = ${old}`)).toEqual(['[1]']);
    expect(await made.rows(`SELECT id FROM t WHERE w = ${fresh}`)).toEqual(['[2]']);
    expect(await made.table.update({ where: `w = ${old}`, set: { w: fresh } })).toMatchObject({ updated: 1 });
    expect(await made.rows(`SELECT id FROM t WHERE w = ${fresh} ORDER BY id`)).toEqual(['[1]', '[2]']);
    expect(
      await made.table.mergeInto({
        source: sql(`SELECT ${fresh} AS w`),
        on: 'target.w = source.w',
        whenMatched: [{ delete: true }],
      }),
    ).toMatchObject({ deleted: 2 });
  });
});

describe('a table in a folder with an odd name', () => {
  it.each(["we[i]rd *? %20 'q' é", 'café', '表', 'a=b', 'plus+and&', '#hash{x}'])(
    '%s is written like any other',
    async (name) => {
      const session = await openSession();
      const folder = join(tempFolder(), name);
      mkdirSync(folder);
      const table = tableIn(folder, session);
      const configuration = { ...CHANGE_FEED, ...DELETION_VECTORS };
      await table.create({
        schema: columns({ id: 'BIGINT', name: 'VARCHAR', part: 'BIGINT' }),
        partitionColumns: ['part'],
        configuration,
      });
      const made = written(table, session);
      await table.append(sql(TEN));
      await table.update({ where: 'id = 1', set: { part: '1' } });
      await table.delete({ where: 'id = 2' });
      expect(await changesIn(made, { from: 2, to: 3 }, 'id')).toEqual([
        '["delete",2]',
        '["update_postimage",1]',
        '["update_preimage",1]',
      ]);
      expect(await made.rows('SELECT id FROM t WHERE part = 1 ORDER BY id')).toEqual(
        [1, 5, 6, 7, 8, 9].map((id) => `[${id}]`),
      );
      expect(await made.orphans()).toEqual([]);
    },
  );
});
