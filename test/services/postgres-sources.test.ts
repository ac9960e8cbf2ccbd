import { describe, expect, it } from 'vitest';
import { failure } from '../support/stage.js';
import { connect, extractWith, isMissing, table, usePostgres } from './postgres-desk.js';

const server = usePostgres();
const query = (text: string) => ({ from: { query: text } });
const extract = (request: Parameters<typeof extractWith>[1], user = 'reader') =>
  extractWith(server().connection(user), request);
const refused = (request: Parameters<typeof extractWith>[1], user = 'reader') => failure(extract(request, user));

describe.skipIf(isMissing)('what can be read', () => {
  it('tables, views, materialized views, partitioned tables and those with children', async () => {
    await server().sql(`
      CREATE SCHEMA "Odd schema";
      ALTER DEFAULT PRIVILEGES IN SCHEMA "Odd schema" GRANT SELECT ON TABLES TO reader;
      GRANT USAGE ON SCHEMA "Odd schema" TO reader;
      CREATE TABLE "Odd schema"."a ""table"" name" ("source" integer PRIMARY KEY, "a ""quoted"" name" text, "select" date);
      INSERT INTO "Odd schema"."a ""table"" name" VALUES (1, 'x', '2024-01-01');
      CREATE VIEW a_view AS SELECT 1 AS n;
      CREATE MATERIALIZED VIEW a_copy AS SELECT 2 AS n;
      CREATE TABLE parted (n integer, day date NOT NULL) PARTITION BY RANGE (day);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
      CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
      INSERT INTO parted VALUES (1, '2024-05-05'), (2, '2025-05-05');
      CREATE TABLE parent (n integer);
      CREATE TABLE child (m integer) INHERITS (parent);
      INSERT INTO parent VALUES (1);
      INSERT INTO child VALUES (2, 3);
      CREATE TABLE no_columns ();
      INSERT INTO no_columns DEFAULT VALUES;
      CREATE TABLE nothing (n integer)`);
    const odd = await extract({ from: table('a "table" name', 'Odd schema') });
    expect(odd.columns.map(({ name }) => name)).toEqual(['source', 'a "quoted" name', 'select']);
    expect(await odd.rows('* EXCLUDE (_row_hash, _extracted_at)')).toEqual([
      { source: 1, 'a "quoted" name': 'x', select: '2024-01-01' },
    ]);
    expect(odd.canSeeLateRows).toBe(true);
    const facts = async (name: string) => {
      const { count, canSeeLateRows } = await extract({ from: table(name) });
      return [count, canSeeLateRows];
    };
    expect(await facts('a_view')).toEqual([1, false]);
    expect(await facts('a_copy')).toEqual([1, true]);
    expect(await facts('parted')).toEqual([2, true]);
    expect(await facts('parent')).toEqual([2, true]);
    expect(await facts('no_columns')).toEqual([1, true]);
    expect(await facts('nothing')).toEqual([0, true]);
  });

  it('foreign tables, which do not say who wrote their rows', async () => {
    await server().sql(`
      CREATE EXTENSION file_fdw;
      CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
      CREATE TABLE with_foreign (version text) PARTITION BY LIST (version);
      CREATE FOREIGN TABLE version_file (version text) SERVER files OPTIONS (filename '${server().data}/PG_VERSION')`);
    const { canSeeLateRows, rows } = await extract({ from: table('version_file') });
    expect(canSeeLateRows).toBe(false);
    expect(await rows('version')).toHaveLength(1);
    const session = await connect(server().connection());
    expect(await session.describe(table('version_file'))).toMatchObject({ kind: 'foreign table' });
    await server().sql(`ALTER TABLE with_foreign ATTACH PARTITION version_file DEFAULT`);
    expect((await extract({ from: table('with_foreign') })).canSeeLateRows).toBe(false);
  });

  it('every table and view of the system', async () => {
    const found = await server().sql(`
      SELECT nspname AS schema, relname AS "table" FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
      WHERE relkind IN ('r', 'v') AND nspname IN ('pg_catalog', 'information_schema')
        AND has_table_privilege('reader', pg_class.oid, 'SELECT')`);
    expect(found.length).toBeGreaterThan(150);
    const session = await connect(server().connection());
    for (const from of found as { schema: string; table: string }[]) {
      const { columns } = await session.describe(from);
      expect(columns.length, from.table).toBeGreaterThan(0);
    }
    const some = [
      'pg_class',
      'pg_attribute',
      'pg_proc',
      'pg_type',
      'pg_index',
      'pg_stats',
      'pg_stat_activity',
      'pg_roles',
      'pg_settings',
      'pg_rewrite',
      'pg_locks',
    ];
    for (const name of some) {
      const extracted = await extract({ from: table(name, 'pg_catalog') });
      expect(extracted.count, name).toBeGreaterThan(0);
      expect((await extracted.rows('count(*) AS n'))[0]?.['n'], name).toBe(BigInt(extracted.count));
    }
    for (const name of ['tables', 'columns', 'schemata', 'routines']) {
      expect((await extract({ from: table(name, 'information_schema') })).count, name).toBeGreaterThan(0);
    }
    const kinds = await extract({ from: table('pg_class', 'pg_catalog') });
    const types = new Map(kinds.columns.map(({ name, type }) => [name, type]));
    const expected = {
      oid: 'BIGINT',
      relname: 'VARCHAR',
      relkind: 'VARCHAR',
      relfrozenxid: 'VARCHAR',
      relacl: 'VARCHAR',
      relhasindex: 'BOOLEAN',
      reltuples: 'FLOAT',
    };
    for (const [name, type] of Object.entries(expected)) expect(types.get(name), name).toBe(type);
  });

  it('only some columns, in the order of the table', async () => {
    await server().sql(`
      CREATE TABLE wide (a integer, secret text, b integer, _row_hash integer);
      INSERT INTO wide VALUES (1, 'x', 2, 3);
      REVOKE SELECT ON wide FROM reader;
      GRANT SELECT (a, b) ON wide TO reader`);
    const extracted = await extract({ from: table('wide'), columns: ['b', 'a'] });
    expect(await extracted.rows('a, b')).toEqual([{ a: 1, b: 2 }]);
    expect(extracted.columns.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(await refused({ from: table('wide'), columns: ['a', 'secret'] })).toMatchObject({
      code: 'PERMISSION',
      message: 'the server does not allow it: permission denied for table wide',
    });
    const some = await extract({ ...query('SELECT 1 AS a, 2 AS _row_hash, 3 AS b'), columns: ['b'] });
    expect(some.columns.map(({ name }) => name)).toEqual(['b']);
  });
});

describe.skipIf(isMissing)('a query', () => {
  it('is one SELECT with whatever a SELECT may have', async () => {
    await server().sql('CREATE TABLE sold AS SELECT i AS id, i * 2 AS price FROM generate_series(1, 10) AS i');
    for (const text of [
      'SELECT id, price FROM sold WHERE id <= 3',
      'WITH few AS (SELECT * FROM sold) SELECT id, price FROM few ORDER BY id LIMIT 3;',
      '  -- a comment; with a semicolon\nSELECT id, price FROM sold WHERE id < 4 -- the end',
      "SELECT id, price FROM sold WHERE id < 4 AND ';' <> ' -- ' ; ; /* the /* nested */ end; */ ",
      "SELECT id, price FROM sold WHERE id < 4 AND $x$;$$'$x$ <> '' AND E'\\';' <> ''; --",
      'VALUES (1, 2), (3, 4), (5, 6)',
      '(SELECT id, price FROM sold WHERE id = 1) UNION ALL SELECT id, price FROM sold WHERE id IN (2, 3)',
    ]) {
      expect((await extract(query(text))).count, text).toBe(3);
    }
  });

  it('reads the execution date', async () => {
    const text =
      "SELECT current_setting('lakeledger.execution_date')::date AS day, current_setting('timezone') AS zone";
    const extracted = await extract({ ...query(text), executionDate: '2024-02-29' });
    expect(await extracted.rows('day, zone')).toEqual([{ day: '2024-02-29', zone: 'UTC' }]);
  });

  it.each([
    ['two statements', 'SELECT 1 AS a; SELECT 2 AS b', /multiple commands/],
    ['a statement that leaves the parentheses', 'SELECT 1 AS a) q) TO STDOUT; DROP TABLE kept; --', /syntax error/],
    ['one that opens new ones', 'SELECT 1 AS a) AS q, (SELECT 2 AS b', /syntax error/],
    ['a write', 'INSERT INTO kept VALUES (1) RETURNING n', /syntax error/],
    [
      'a write in a SELECT',
      'WITH gone AS (DELETE FROM kept RETURNING n) SELECT * FROM gone',
      /must be at the top level/,
    ],
    ['a function that writes', "SELECT nextval('kept_numbers') AS n", /read-only transaction/],
    ['a lock', 'SELECT n FROM kept FOR UPDATE', /read-only transaction/],
    [
      'a way out of the read-only transaction',
      "SELECT set_config('transaction_read_only', 'off', true) AS a",
      /read-write mode/,
    ],
    ['a new table', 'SELECT 1 AS n INTO other', /INTO|not allowed/],
    ['a command', 'VACUUM kept', /syntax error/],
    ['EXPLAIN', 'EXPLAIN SELECT 1', /syntax error/],
    ['COPY', "COPY kept TO '/dev/null'", /syntax error/],
    ['nothing', ' ; -- nothing\n /* at all */', /the query is empty/],
    ['a parameter', 'SELECT $1::integer AS n', /a query has no parameters/],
    ['an open comment', 'SELECT 1 AS a /* and so on', /unterminated/],
  ])('cannot be %s', async (_, text, message) => {
    await server().sql('CREATE TABLE IF NOT EXISTS kept (n integer); CREATE SEQUENCE IF NOT EXISTS kept_numbers');
    const superuser = { ...server().connection('postgres'), password: server().password };
    const error = await failure(extractWith(superuser, query(text)));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ retryable: false, place: `postgres://localhost:${server().port}/shop#query` });
    const [left] = await server().sql("SELECT count(*)::integer AS n, to_regclass('other') AS other FROM kept");
    expect(left).toEqual({ n: 0, other: null });
  });

  it.each([
    ['SELECT nmae FROM people', /column "nmae" does not exist/, /name/],
    ['SELECT name FROM peple', /relation "peple" does not exist/, /did you mean "people"/],
    ['SELECT name FROM public.peple', /relation "public.peple" does not exist/, /did you mean "people"/],
    ['SELECT nothing(1)', /function nothing\(integer\) does not exist/, /./],
    ['SELECT 1 AS a, 2 AS a', /two columns are called "a"/, /rename it in a query/],
    ['SELECT 1 AS a, 2 AS "A"', /"a" and "A" differ in case only/, /rename it in a query/],
    ['SELECT 1 AS _Row_Hash', /the column "_row_hash" has a name that lakeledger uses/, /rename it in a query/],
  ])('that is wrong says what there is: %s', async (text, message, hint) => {
    await server().sql('CREATE TABLE IF NOT EXISTS people (name text, born date)');
    const error = await refused(query(text));
    expect(error).toMatchObject({ code: 'CONFIG', exitCode: 2, retryable: false });
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  it('that cannot be worked out fails as data does', async () => {
    expect(await refused(query('SELECT 1 / (i - 3) AS n FROM generate_series(1, 5) AS i'))).toMatchObject({
      code: 'POSTGRES',
      exitCode: 1,
      message: 'the server cannot work out a value: division by zero',
    });
  });
});

describe.skipIf(isMissing)('a name that is not there', () => {
  it('brings the nearest one', async () => {
    await server().sql(
      'CREATE SCHEMA sales; CREATE TABLE sales.orders (id integer); CREATE TABLE persons (full_name text)',
    );
    const of = async (request: Parameters<typeof extractWith>[1]) => {
      const { code, exitCode, message, hint } = await refused(request);
      expect({ code, exitCode }).toEqual({ code: 'CONFIG', exitCode: 2 });
      return [message, hint];
    };
    expect(await of({ from: table('person') })).toEqual([
      'the schema "public" has no table "person"',
      'did you mean "persons"?',
    ]);
    expect(await of({ from: table('orders') })).toEqual([
      'the schema "public" has no table "orders"',
      'did you mean "sales.orders"?',
    ]);
    expect(await of({ from: table('orders', 'sale') })).toEqual([
      'the database has no schema "sale"',
      'did you mean "sales"?',
    ]);
    expect(await of({ from: table('persons'), columns: ['ful_name'] })).toEqual([
      'there is no column "ful_name"',
      'did you mean "full_name"?',
    ]);
    const elsewhere = { ...server().connection(), database: 'shopp' };
    expect(await failure(extractWith(elsewhere, { from: table('persons') }))).toMatchObject({
      code: 'CONFIG',
      exitCode: 2,
      message: 'the server has no database "shopp"',
      hint: 'did you mean "shop"?',
    });
  });

  it('is told from one that may not be read', async () => {
    await server().sql('CREATE TABLE hidden_one (n integer); REVOKE ALL ON hidden_one FROM reader');
    expect(await refused({ from: table('hidden_one') })).toMatchObject({
      code: 'PERMISSION',
      exitCode: 3,
      retryable: false,
    });
  });
});

describe.skipIf(isMissing)('a description', () => {
  it('has the columns with their types, and leaves the connection usable', async () => {
    await server().sql('CREATE TABLE described (id bigint PRIMARY KEY, price numeric(10,2), tags text[])');
    const session = await connect(server().connection());
    await failure(session.describe(table('describd')));
    expect(await session.describe(table('described'))).toEqual({
      kind: 'table',
      columns: [
        { name: 'id', postgresType: 'bigint', declaredType: 'BIGINT', nullable: false },
        { name: 'price', postgresType: 'numeric(10,2)', declaredType: 'DECIMAL(10,2)', nullable: true },
        { name: 'tags', postgresType: 'text[]', declaredType: 'VARCHAR', nullable: true },
      ],
      canSeeLateRows: true,
    });
    expect(await session.describe({ query: 'SELECT 1 AS n' })).toMatchObject({ kind: 'query', canSeeLateRows: false });
  });
});
