import { describe, expect, it } from 'vitest';
import type { DeltaField } from '../../../src/delta/protocol/schema.js';
import { columns, openSession, sql, tableIn } from '../../support/delta.js';
import {
  BY_NAME,
  DELETION_VECTORS,
  expectRefused,
  makeWritten,
  TEN,
  type Written,
  written,
} from '../../support/delta-writes.js';
import { tempFolder } from '../../support/temp-folder.js';

/** A new table of these fields. */
async function makeTable(
  fields: readonly DeltaField[],
  options: { configuration?: Record<string, string>; partitionColumns?: string[] } = {},
) {
  const session = await openSession();
  const table = tableIn(tempFolder(), session);
  await table.create({ schema: { fields }, ...options });
  return written(table, session);
}

function withField(spec: Readonly<Record<string, string>>, name: string, change: Partial<DeltaField>): DeltaField[] {
  return columns(spec).fields.map((field) => (field.name === name ? { ...field, ...change } : field));
}

async function refused(made: Written, work: Promise<unknown>, code: string | RegExp, message = '') {
  const expected = { code: expect.stringMatching(code), message: expect.stringContaining(message) };
  await expectRefused(made, work, expected);
}

describe('NOT NULL', () => {
  it.each([
    ['a column', [], {}],
    ['a partition column', ['part'], {}],
    ['a partition column, mapped', ['part'], BY_NAME],
  ])('of %s holds for every way to write', async (_, partitionColumns, configuration) => {
    const spec = { id: 'BIGINT', part: 'BIGINT' };
    const made = await makeTable(withField(spec, 'part', { nullable: false }), {
      partitionColumns,
      configuration: { ...configuration, ...DELETION_VECTORS },
    });
    const { table } = made;
    await refused(made, table.append(sql('SELECT 1 AS id')), /DELTA_SCHEMA|DELTA_NOT_NULL/);
    await refused(
      made,
      table.append(sql('SELECT 1 AS id, CASE WHEN range > 0 THEN range END AS part FROM range(3)')),
      'DELTA_NOT_NULL',
      'part',
    );
    await table.append(sql('SELECT range AS id, range % 2 AS part FROM range(10)'));
    await refused(made, table.update({ where: 'id = 3', set: { part: 'NULL' } }), 'DELTA_NOT_NULL', 'part');
    await refused(made, table.overwrite(sql('SELECT 1 AS id, NULL AS part')), 'DELTA_NOT_NULL', 'part');
    const source = sql('SELECT 1 AS id, NULL::BIGINT AS part');
    await refused(
      made,
      table.mergeInto({ source, on: 'false', whenNotMatched: [{ insert: '*' }] }),
      'DELTA_NOT_NULL',
      'part',
    );
    await table.dropNotNull(['part']);
    expect(await table.update({ where: 'id = 3', set: { part: 'NULL' } })).toMatchObject({ updated: 1 });
  });

  it('inside structs, lists and maps holds, and not where the struct around it is NULL', async () => {
    const int = { kind: 'primitive', name: 'integer' } as const;
    const inner = { kind: 'struct', fields: [{ name: 'it"em0', type: int, nullable: false, metadata: {} }] } as const;
    const made = await makeTable([
      { name: 'id', type: int, nullable: true, metadata: {} },
      { name: 's', type: inner, nullable: true, metadata: {} },
      { name: 'l', type: { kind: 'array', element: inner, containsNull: false }, nullable: true, metadata: {} },
      {
        name: 'm',
        type: { kind: 'map', key: { kind: 'primitive', name: 'string' }, value: inner, valueContainsNull: true },
        nullable: true,
        metadata: {},
      },
    ]);
    const row = (s: string, l: string, m: string) =>
      sql(
        `SELECT 1 AS id, ${s}::STRUCT("it""em0" INT) AS s, ${l}::STRUCT("it""em0" INT)[] AS l, ${m}::MAP(VARCHAR, STRUCT("it""em0" INT)) AS m`,
      );
    await made.table.append(row('NULL', 'NULL', 'NULL'));
    await made.table.append(row("{'it\"em0': 1}", "[{'it\"em0': 1}]", "MAP {'a': NULL}"));
    await refused(made, made.table.append(row("{'it\"em0': NULL}", 'NULL', 'NULL')), 'DELTA_CONSTRAINT', 's');
    await refused(made, made.table.append(row('NULL', '[NULL]', 'NULL')), 'DELTA_CONSTRAINT', 'l');
    await refused(made, made.table.append(row('NULL', "[{'it\"em0': NULL}]", 'NULL')), 'DELTA_CONSTRAINT', 'l');
    await refused(
      made,
      made.table.append(row('NULL', 'NULL', "MAP {'a': {'it\"em0': NULL}}")),
      'DELTA_CONSTRAINT',
      'm',
    );
    await refused(made, made.table.update({ set: { s: "{'it\"em0': NULL}" } }), 'DELTA_CONSTRAINT', 's');
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[2]']);
  });
});

describe('a CHECK constraint', () => {
  it('looks at the rows that are there, holds from then on, and a NULL result breaks it', async () => {
    const made = await makeWritten({ rows: TEN, partitionColumns: ['part'], configuration: DELETION_VECTORS });
    const { table } = made;
    await refused(made, table.addConstraint('small', 'id < 9'), 'DELTA_CONSTRAINT', '1 row');
    await table.delete({ where: 'id = 9' });
    expect(await table.addConstraint('Small', '`id` < 9')).toMatchObject({ committed: true });
    expect((await table.snapshot()).protocol).toMatchObject({
      minWriterVersion: 7,
      writerFeatures: expect.arrayContaining(['checkConstraints']),
    });
    await refused(made, table.addConstraint('SMALL', 'id < 100'), 'USAGE', 'SMALL');
    await refused(made, table.append(sql('SELECT 9 AS id')), 'DELTA_CONSTRAINT', 'small');
    await refused(made, table.append(sql('SELECT NULL AS id')), 'DELTA_CONSTRAINT', '1 row');
    await refused(made, table.update({ where: 'id = 8', set: { id: 'id + 1' } }), 'DELTA_CONSTRAINT');
    await refused(
      made,
      table.overwrite(sql('SELECT 10 AS id, 1 AS part'), { replaceWhere: 'part = 1' }),
      'DELTA_CONSTRAINT',
    );
    const merge = { source: sql('SELECT 8::BIGINT AS id'), on: 'target.id = source.id' };
    await refused(made, table.mergeInto({ ...merge, whenMatched: [{ update: { id: '20' } }] }), 'DELTA_CONSTRAINT');
    expect(await table.mergeInto({ ...merge, whenMatched: [{ update: { id: '-1' } }] })).toMatchObject({ updated: 1 });
    await refused(made, table.dropConstraint('other'), 'USAGE');
    await table.dropConstraint('SMALL');
    expect(await table.append(sql('SELECT 9 AS id'))).toMatchObject({ inserted: 1 });
  });

  it.each([
    ['a column that is not there', 'nope > 0'],
    ['a function that DuckDB has not', "rlike(name, 'x')"],
    ['a function that may differ', "regexp_matches(name, 'x')"],
    ['an operator that is Spark’s alone', "name RLIKE 'x'"],
    ['a backslash', "name LIKE 'a\\\\_'"],
    ['an item of an array', 'l[0] > 0'],
    ['a cast that rounds', 'CAST(f AS INT) > 0'],
    ['a cast to text', "CAST(f AS STRING) = '1.0'"],
    ['a subquery', 'id IN (SELECT 1)'],
    ['an aggregate', 'count(id) > 0'],
    ['two statements', 'id > 0; DROP TABLE x'],
    ['no condition', 'id + 1'],
    ['a parameter', 'id > $x'],
    ['the time', 'id > 0 AND current_date > day'],
    ['a literal with a suffix', 'id > 10L'],
  ])('with %s is refused', async (_, expression) => {
    const made = await makeWritten({
      columns: { id: 'BIGINT', name: 'VARCHAR', l: 'INTEGER[]', f: 'DOUBLE', day: 'DATE' },
    });
    await refused(made, made.table.addConstraint('c', expression), /^(?:DELTA_UNSUPPORTED|USAGE)$/);
    const foreign = await makeWritten({
      columns: { id: 'BIGINT', name: 'VARCHAR', l: 'INTEGER[]', f: 'DOUBLE', day: 'DATE' },
      configuration: { 'delta.constraints.theirs': expression },
    });
    await refused(foreign, foreign.table.append(sql('SELECT 1 AS id')), 'DELTA_UNSUPPORTED', 'theirs');
    expect(await foreign.rows('SELECT * FROM t')).toEqual([]);
  });

  it.each(['a b', '', 'x.y', 'x"'])('is not called %j', async (name) => {
    const made = await makeWritten();
    await refused(made, made.table.addConstraint(name, 'id > 0'), 'USAGE');
  });

  it.each([
    ['name = "it\'s" OR `id` <=> NULL', "SELECT NULL AS id, 'it''s' AS name", "SELECT 1 AS id, 'x' AS name"],
    ["id BETWEEN 1 AND 5 AND name LIKE 'a%'", "SELECT 5 AS id, 'ab' AS name", "SELECT 6 AS id, 'ab' AS name"],
    ['id % 2 == 0 AND length(trim(name)) != 0', "SELECT 4 AS id, ' x' AS name", "SELECT 4 AS id, '  ' AS name"],
    ['id IN (1, 2) OR name IS NULL -- or so', 'SELECT 9 AS id', "SELECT 9 AS id, 'x' AS name"],
    ['CASE WHEN id > 3 THEN name IS NOT NULL ELSE true END', 'SELECT 2 AS id', 'SELECT 4 AS id'],
  ])('%s is understood as Spark means it', async (expression, good, bad) => {
    const made = await makeWritten();
    await made.table.addConstraint('c', expression);
    expect(await made.table.append(sql(good))).toMatchObject({ inserted: 1 });
    await refused(made, made.table.append(sql(bad)), 'DELTA_CONSTRAINT', expression);
  });

  it('keeps its columns from being renamed or dropped', async () => {
    const made = await makeWritten({ configuration: BY_NAME });
    await made.table.addConstraint('c', '`id` > 0');
    await refused(made, made.table.renameColumn(['ID'], 'x'), 'USAGE', 'constraint c');
    await refused(made, made.table.dropColumn(['id']), 'USAGE', 'constraint c');
    await made.table.renameColumn(['part'], 'i');
  });

  it('may not be set or removed as a property', async () => {
    const made = await makeWritten();
    await refused(made, made.table.setProperties({ 'delta.constraints.c': 'id > 0' }), 'USAGE');
    await made.table.addConstraint('c', 'id > 0');
    await refused(made, made.table.unsetProperties(['delta.constraints.c']), 'USAGE');
  });
});

describe('a column invariant', () => {
  it('holds like a constraint', async () => {
    const invariant = { 'delta.invariants': JSON.stringify({ expression: { expression: 'id > 3' } }) };
    const made = await makeTable(withField({ id: 'BIGINT', name: 'VARCHAR' }, 'id', { metadata: invariant }));
    await made.table.append(sql('SELECT 4 AS id'));
    await refused(made, made.table.append(sql('SELECT 3 AS id')), 'DELTA_CONSTRAINT', 'invariant');
    await refused(made, made.table.update({ set: { id: 'NULL' } }), 'DELTA_CONSTRAINT', 'invariant');
  });

  it('that is not understood refuses every write', async () => {
    const made = await makeTable(
      withField({ id: 'BIGINT' }, 'id', { metadata: { 'delta.invariants': '{"other":1}' } }),
    );
    await refused(made, made.table.append(sql('SELECT 4 AS id')), 'DELTA_UNSUPPORTED', 'invariant');
  });
});

describe('a generated column', () => {
  const generated = (expression: string, partitionColumns: string[] = []) =>
    makeTable(
      withField({ id: 'BIGINT', ts: 'TIMESTAMP WITH TIME ZONE', g: 'DATE', v: 'VARCHAR' }, 'g', {
        metadata: { 'delta.generationExpression': expression },
      }),
      { partitionColumns },
    );

  it.each([[[]], [['g']]])(
    'is computed when it is missing and checked when it is there, partitioned by %j',
    async (partitionColumns) => {
      const made = await generated('CAST(ts AS DATE)', partitionColumns);
      const { table } = made;
      expect((await table.snapshot()).protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 4 });
      await table.append(sql("SELECT 1 AS id, TIMESTAMPTZ '2026-01-02 23:00:00+00' AS ts"));
      await table.append(sql('SELECT 2 AS id'));
      await table.append(sql("SELECT 3 AS id, TIMESTAMPTZ '2026-01-03 00:00:00+00' AS ts, DATE '2026-01-03' AS g"));
      await refused(made, table.append(sql("SELECT 4 AS id, DATE '2026-01-03' AS g")), 'DELTA_CONSTRAINT', '"g"');
      await refused(
        made,
        table.update({ where: 'id = 1', set: { g: "DATE '2026-01-03'" } }),
        'DELTA_CONSTRAINT',
        '"g"',
      );
      expect(await table.update({ where: 'id = 1', set: { ts: 'ts + INTERVAL 2 HOUR', v: "'later'" } })).toMatchObject({
        updated: 1,
      });
      const source = sql(
        "SELECT 5 AS id, TIMESTAMPTZ '2026-05-05 00:00:00+00' AS ts UNION ALL SELECT 3, TIMESTAMPTZ '2026-06-06 00:00:00+00'",
      );
      const merge = {
        source,
        on: 'target.id = source.id',
        whenMatched: [{ update: '*' as const }],
        whenNotMatched: [{ insert: '*' as const }],
      };
      expect(await table.mergeInto(merge)).toMatchObject({ inserted: 1, updated: 1 });
      expect(await made.rows('SELECT id, g FROM t ORDER BY id')).toEqual([
        '[1,"2026-01-03"]',
        '[2,null]',
        '[3,"2026-06-06"]',
        '[5,"2026-05-05"]',
      ]);
      expect(await made.orphans()).toEqual([]);
    },
  );

  it('whose expression may differ refuses every write', async () => {
    const made = await generated("date_format(ts, 'yyyy')");
    await refused(made, made.table.append(sql('SELECT 1 AS id')), 'DELTA_UNSUPPORTED', '"g"');
  });
});

describe('delta.appendOnly', () => {
  it('refuses all but appends, and leaves no files', async () => {
    const made = await makeWritten({
      rows: TEN,
      partitionColumns: ['part'],
      configuration: { 'delta.appendOnly': 'true', ...DELETION_VECTORS },
    });
    const { table } = made;
    const source = sql('SELECT 1::BIGINT AS id');
    const on = 'target.id = source.id';
    await refused(made, table.delete(), 'DELTA_APPEND_ONLY');
    await refused(made, table.delete({ where: 'part = 1' }), 'DELTA_APPEND_ONLY');
    await refused(made, table.delete({ where: 'id = 1' }), 'DELTA_APPEND_ONLY');
    await refused(made, table.update({ set: { name: "'x'" } }), 'DELTA_APPEND_ONLY');
    await refused(made, table.overwrite(sql(TEN)), 'DELTA_APPEND_ONLY');
    await refused(made, table.overwrite(sql('SELECT 1 AS part'), { replaceWhere: 'part = 1' }), 'DELTA_APPEND_ONLY');
    await refused(made, table.mergeInto({ source, on, whenMatched: [{ delete: true }] }), 'DELTA_APPEND_ONLY');
    expect(
      await table.mergeInto({ source: sql('SELECT 70::BIGINT AS id'), on, whenNotMatched: [{ insert: '*' }] }),
    ).toMatchObject({ inserted: 1 });
    await table.setProperties({ 'delta.appendOnly': 'false' });
    expect(await table.delete({ where: 'part = 1' })).toMatchObject({ deleted: 5 });
  });
});
