import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type DeltaTable, type SelectRequest, select, selectStream } from '../../../src/delta/index.js';
import type { Session, SqlParams } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { repositoryRoot } from '../../support/repository.js';
import { tempFolder } from '../../support/temp-folder.js';

interface Made {
  readonly folder: string;
  readonly session: Session;
  readonly table: DeltaTable;
}

/** Five files: `id` 0–9, 10–19 …, `name` `n0` … `n4` by file, `ts` a day per file. */
async function makeTable(): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  await table.create({ schema: columns({ id: 'BIGINT', name: 'VARCHAR', ts: 'TIMESTAMP WITH TIME ZONE' }) });
  for (let i = 0; i < 5; i++) {
    await table.append(
      sql(
        `SELECT i AS id, 'n${i}' AS name, TIMESTAMPTZ '2026-01-0${i + 1} 00:00:00Z' + to_minutes(i) AS ts FROM range(${i * 10}, ${i * 10 + 10}) t(i)`,
      ),
    );
  }
  return { folder, session, table };
}

async function request(made: Made, text: string, params?: SqlParams): Promise<SelectRequest> {
  const bound = { store: new LocalStore(made.folder), snapshot: await made.table.snapshot() };
  return {
    sql: text,
    tables: {
      find: async (name) => (['t', 's.t'].includes(name) ? bound : undefined),
      names: async () => ['t', 's.t'],
    },
    ...(params === undefined ? {} : { params }),
  };
}

async function run(made: Made, text: string, params?: SqlParams) {
  return select(made.session, await request(made, text, params));
}

/** Deletes the data files whose number is not in `kept`. */
async function keepOnly(made: Made, kept: readonly number[]): Promise<void> {
  for (const file of (await made.table.snapshot()).files) {
    const { minValues } = JSON.parse(file.stats ?? '{}');
    if (!kept.includes(minValues.id / 10)) rmSync(join(made.folder, file.path));
  }
}

describe('files that cannot match are not opened', () => {
  it.each<[string, readonly number[], SqlParams?]>([
    ['SELECT id FROM t WHERE id = 12', [1]],
    ['SELECT id FROM t WHERE id IN (1, 2, 41)', [0, 4]],
    ['SELECT id FROM t WHERE id < 5 OR id > 45', [0, 4]],
    ["SELECT id FROM t WHERE name = 'n3'", [3]],
    ["SELECT id FROM t WHERE name LIKE 'n3%'", [3]],
    ["SELECT id FROM t WHERE ts >= TIMESTAMPTZ '2026-01-05 00:00:00Z'", [4]],
    ['SELECT id FROM t WHERE id BETWEEN 8 AND 11', [0, 1]],
    ['SELECT id FROM t WHERE id = $id', [2], { id: 25 }],
    ['SELECT id FROM t WHERE name = $n AND id < $max', [1], { n: 'n1', max: 15 }],
    ['WITH c AS (SELECT * FROM t) SELECT id FROM c WHERE id = 33', [3]],
    ['SELECT id FROM (SELECT * FROM t WHERE id < 20) WHERE id >= 10', [1]],
    ['SELECT a.id FROM t a JOIN t b ON a.id = b.id - 10 WHERE a.id = 5 AND b.id < 20', [0, 1]],
    ['SELECT id FROM s.t WHERE id = 12', [1]],
    ['SELECT x.id FROM t AS x WHERE x.id = 12 ORDER BY 1 LIMIT 1', [1]],
    ['SELECT count(*) AS id FROM T WHERE ID = 12', [1]],
    ["SELECT id FROM t WHERE ts > now() + INTERVAL '1 year'", []],
    ["SELECT id FROM t WHERE name > 'n9'", []],
  ])('%s', async (text, kept, params) => {
    const made = await makeTable();
    const full = await select(made.session, { ...(await request(made, text, params)), skipping: false });
    expect(full.scanned).toMatchObject([{ files: 5, read: 5 }]);
    await keepOnly(made, kept);
    const skipped = await run(made, text, params);
    expect(skipped.rows).toEqual(full.rows);
    expect(skipped.scanned).toMatchObject([{ files: 5, read: kept.length }]);
  });

  it.each([
    'SELECT count(*) AS n FROM t',
    "SELECT count(*) AS n FROM t WHERE name ILIKE '%3%'",
    'SELECT count(*) AS n FROM t WHERE id % 7 = 3',
    'SELECT count(*) AS n FROM t a, t b WHERE a.id = 1',
    'SELECT (SELECT count(*) FROM t) AS n FROM t WHERE id = 3',
    'SELECT count(*) AS n FROM t WHERE id IN (SELECT id + 10 FROM t WHERE id < 3)',
    'SELECT count(*) AS n FROM t a LEFT JOIN t b ON a.id = b.id AND b.id < 3',
    'SELECT count(*) AS n FROM t WHERE id = 3 OR length(name) = 2',
    "SELECT count(*) AS n FROM t WHERE coalesce(name, 'n0') = 'n0'",
    'SELECT id FROM t WHERE id < 3 UNION ALL SELECT id FROM t WHERE id > 47 ORDER BY id',
    'SELECT name, count(*) AS n FROM t GROUP BY name HAVING min(id) >= 40 ORDER BY name',
    'WITH c AS MATERIALIZED (SELECT * FROM t) SELECT a.id FROM c a, c b WHERE a.id = 3 AND b.id = 44',
    'SELECT id FROM t WHERE NOT (id < 40 OR name IS NULL) ORDER BY id',
  ])('the rows are those of a full scan: %s', async (text) => {
    const made = await makeTable();
    const skipped = await run(made, text);
    const full = await select(made.session, { ...(await request(made, text)), skipping: false });
    expect(skipped.rows).toEqual(full.rows);
    expect(skipped.rows.length).toBeGreaterThan(0);
  });
});

describe('only statements that read', () => {
  it.each([
    'INSERT INTO t VALUES (1)',
    'UPDATE t SET id = 1',
    'DELETE FROM t',
    "COPY t TO '{out}'",
    "COPY (SELECT 1) TO '{out}'",
    "ATTACH '{out}' AS x",
    "EXPORT DATABASE '{out}'",
    'SET threads = 1',
    'PRAGMA threads = 1',
    'CALL pragma_version()',
    'CREATE TABLE x AS SELECT 1 AS a',
    'DROP TABLE t',
    'INSTALL httpfs',
    'LOAD httpfs',
    'BEGIN',
    'COMMIT',
    'USE memory',
    'PREPARE p AS SELECT 1',
    'SELECT 1; SELECT 2',
    'SELECT 1; DELETE FROM t',
    'EXPLAIN SELECT 1; DROP TABLE t',
    'EXPLAIN ANALYZE DELETE FROM t',
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{out}'",
    "EXPLAIN /* x */ ANALYZE COPY (SELECT 1) TO '{out}'",
    "EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
    'WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x',
    'SELEC 1',
    '',
    '-- nothing',
  ])('"%s" is refused with exit code 2 and has no effect', async (template) => {
    const made = await makeTable();
    const out = join(tempFolder(), 'out');
    const settings = 'SELECT name, value FROM duckdb_settings() ORDER BY name';
    const before = await made.session.rows(settings);
    await expect(run(made, template.replace('{out}', out))).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      hint: expect.any(String),
    });
    expect(existsSync(out)).toBe(false);
    expect(await made.session.rows(settings)).toEqual(before);
    expect((await run(made, 'SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 50n }]);
    expect((await made.table.snapshot()).version).toBe(5);
  });

  it.each([
    'EXPLAIN SELECT * FROM t',
    'EXPLAIN ANALYZE SELECT * FROM t WHERE id = 3',
    'EXPLAIN (FORMAT json) SELECT * FROM t',
    'EXPLAIN (SELECT 1)',
    '/* a */ explain -- b\n SELECT 1;',
    'FROM t',
    'VALUES (1)',
    'DESCRIBE t',
    'SUMMARIZE t',
    'SHOW TABLES',
    '(SELECT id FROM t) EXCEPT SELECT 1 ; -- end',
  ])('"%s" is run', async (text) => {
    const made = await makeTable();
    expect((await run(made, text)).rows.length).toBeGreaterThan(0);
    let streamed = 0;
    for await (const rows of selectStream(made.session, await request(made, text))) streamed += rows.length;
    expect(streamed).toBeGreaterThan(0);
  });
});

describe('statements that fail', () => {
  it.each([
    ['SELECT nope FROM t', /"nope" not found/],
    ['SELECT * FROM missing', /missing/],
    ["SELECT CAST(name AS INT) FROM t WHERE id = CAST('x' AS INT)", /Could not convert string 'x'/],
    ['SELECT CAST(name AS INT) FROM t', /Could not convert string 'n\d'/],
    ['SELECT $absent', /absent|parameter/i],
  ])('%s says so in the words of DuckDB and leaves the session as it was', async (text, message) => {
    const made = await makeTable();
    const error = { code: 'SQL', message: expect.stringMatching(message) };
    await expect(run(made, text)).rejects.toMatchObject(error);
    const streamed = async () => {
      for await (const _ of selectStream(made.session, await request(made, text)));
    };
    await expect(streamed()).rejects.toMatchObject(error);
    expect(await made.session.rows("SELECT current_setting('disabled_optimizers') AS o")).toEqual([{ o: '' }]);
    expect((await run(made, 'SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 50n }]);
  });

  it('a stream that fails midway rejects after its first rows', async () => {
    const made = await makeTable();
    await made.table.append(
      sql("SELECT i AS id, CASE WHEN i = 90000 THEN 'x' ELSE '1' END AS name, NULL AS ts FROM range(100, 100000) t(i)"),
    );
    const text = 'SELECT CAST(name AS INT) AS v FROM t WHERE id >= 100';
    const streamed = async () => {
      for await (const _ of selectStream(made.session, await request(made, text)));
    };
    await expect(streamed()).rejects.toMatchObject({ code: 'SQL', message: expect.stringContaining("'x'") });
  });

  it('a stream that is interrupted rejects, and one that is left early ends quietly', async () => {
    const made = await makeTable();
    const text = 'SELECT a.id FROM t a, t b, t c, t d, t e';
    const interrupted = async () => {
      for await (const _ of selectStream(made.session, await request(made, text))) made.session.interrupt();
    };
    await expect(interrupted()).rejects.toMatchObject({ code: 'SQL', message: expect.stringMatching(/interrupt/i) });
    for await (const rows of selectStream(made.session, await request(made, text))) {
      expect(rows.length).toBeGreaterThan(0);
      break;
    }
    expect((await run(made, 'SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 50n }]);
  });
});

describe('tables that others change', () => {
  const digits = (version: number) => String(version).padStart(20, '0');

  it('a column added later is NULL in the files before it', async () => {
    const made = await makeTable();
    const { metadata } = await made.table.snapshot();
    const schema = JSON.parse(metadata.schemaString);
    schema.fields.push({
      name: 'extra',
      type: { type: 'array', elementType: 'long', containsNull: true },
      nullable: true,
      metadata: {},
    });
    const metaData = { ...metadata, schemaString: JSON.stringify(schema) };
    const commit = `${JSON.stringify({ commitInfo: { operation: 'ADD COLUMNS' } })}\n${JSON.stringify({ metaData })}\n`;
    writeFileSync(join(made.folder, '_delta_log', `${digits(6)}.json`), commit);
    await made.table.append(sql("SELECT 100 AS id, 'new' AS name, NULL AS ts, [1, NULL] AS extra"));
    const { rows } = await run(made, 'SELECT id, extra FROM t WHERE id IN (49, 100) ORDER BY id');
    expect(rows).toEqual([
      { id: 49n, extra: null },
      { id: 100n, extra: [1n, null] },
    ]);
    expect((await run(made, 'SELECT count(*) AS n FROM t WHERE extra IS NULL')).rows).toEqual([{ n: 50n }]);
    expect((await query(made.session, made.table, 'SELECT * FROM t LIMIT 1', { at: { version: 5 } })).rows).toEqual([
      { id: expect.anything(), name: expect.anything(), ts: expect.anything() },
    ]);
  });

  it.each([
    ['a path', (file: string) => file],
    ['a URL', (file: string) => pathToFileURL(file).href],
    ['a URL of Hadoop', (file: string) => `file:${pathToFileURL(file).pathname}`],
  ])('an absolute add.path may be %s', async (_, spelled) => {
    const made = await makeTable();
    const elsewhere = join(tempFolder(), 'a b.parquet');
    await made.session.run(`COPY (SELECT 500::BIGINT AS id, 'far' AS name, NULL::TIMESTAMPTZ AS ts) TO '${elsewhere}'`);
    const path = spelled(elsewhere).replaceAll(' ', '%20');
    const add = {
      path,
      partitionValues: {},
      size: readFileSync(elsewhere).length,
      modificationTime: 1,
      dataChange: true,
    };
    writeFileSync(join(made.folder, '_delta_log', `${digits(6)}.json`), `${JSON.stringify({ add })}\n`);
    expect((await run(made, 'SELECT name FROM t WHERE id = 500')).rows).toEqual([{ name: 'far' }]);
  });

  it.each([
    ['../outside.parquet', /leaves the folder/],
    ['s3://bucket/x.parquet', /another store/],
  ])('an add.path of %s is refused', async (path, message) => {
    const made = await makeTable();
    const add = { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true };
    writeFileSync(join(made.folder, '_delta_log', `${digits(6)}.json`), `${JSON.stringify({ add })}\n`);
    await expect(run(made, 'SELECT * FROM t')).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringMatching(message),
    });
  });

  it('a column called like one of a Parquet scan is the column of the table', async () => {
    const folder = tempFolder();
    const session = await openSession();
    const table = tableIn(folder, session);
    const spec = { p: 'VARCHAR', file_index: 'BIGINT', filename: 'VARCHAR', v: 'BIGINT' };
    await table.create({ schema: columns(spec), partitionColumns: ['p'] });
    await table.append(sql("SELECT 'p' || i AS p, 7 AS file_index, 'mine' AS filename, i AS v FROM range(2) r(i)"));
    expect((await query(session, table, 'SELECT * FROM t ORDER BY v')).rows).toEqual([
      { p: 'p0', file_index: 7n, filename: 'mine', v: 0n },
      { p: 'p1', file_index: 7n, filename: 'mine', v: 1n },
    ]);
    const one = await query(session, table, "SELECT v FROM t WHERE filename = 'mine' AND p = 'p1'");
    expect([one.rows, one.read]).toEqual([[{ v: 1n }], 1]);
  });
});

const CASES = [
  'basic_append',
  'basic_partitioned',
  'multi_partitioned',
  'partitioned_with_null',
  'nested_types',
  'all_primitive_types',
  'with_checkpoint',
  'no_replay',
  'timestamp_ntz',
  'no_stats',
];
const conformance = join(repositoryRoot, '..', 'shared', 'conformance', 'dat-v0.0.3');
const present = existsSync(conformance);
if (!present) console.warn(`skipped: tables that Spark wrote are not at ${conformance}`);

describe.skipIf(!present)('tables that Spark wrote', () => {
  it.each(CASES)('%s has its published rows at every published version', async (name) => {
    const folder = join(conformance, name);
    const session = await openSession();
    const table = tableIn(join(folder, 'delta'), session);
    for (const at of readdirSync(join(folder, 'expected'))) {
      const place = join(folder, 'expected', at);
      const { version, min_reader_version } = JSON.parse(
        readFileSync(join(place, 'table_version_metadata.json'), 'utf8'),
      );
      const snapshot = await table.snapshot(at === 'latest' ? {} : { version });
      expect(snapshot.version).toBe(version);
      expect(snapshot.protocol.minReaderVersion).toBe(min_reader_version);
      const list = snapshot.schema.fields.map((field) => `"${field.name}"`).join(', ');
      const { rows } = await query(session, table, `SELECT ${list} FROM t ORDER BY ALL`, { at: { version } });
      const expected = await session.rows(
        `SELECT ${list} FROM read_parquet('${place}/table_content/*.parquet', hive_partitioning = false) ORDER BY ALL`,
      );
      expect(rows).toEqual(expected);
      expect(rows.length).toBeGreaterThan(0);
    }
  });
});
