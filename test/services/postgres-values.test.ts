import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractWith, isMissing, table, usePostgres } from './postgres-desk.js';

const server = usePostgres();

const RUNS = Number(process.env['POSTGRES_RUNS'] ?? 25);

/** Everything that a format of text could trip over. */
const odd = fc.constantFrom(
  '\n',
  '\r',
  '\r\n',
  '"',
  "'",
  ',',
  '\t',
  '\\',
  '\\N',
  '\\.',
  '\\n',
  '\b',
  '\f',
  '\v',
  '#',
  ' ',
  '\u0085',
  '\u2028',
  'é',
  '😀',
  '\u{10FFFF}',
  '\u0001',
  '\u007f',
);
const oddText = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: odd }, { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }) }),
    { maxLength: 8 },
  )
  .map((parts) =>
    parts
      .join('')
      .replaceAll('\0', '')
      .replaceAll(/\p{Surrogate}/gu, ''),
  );
const value = fc.option(fc.oneof({ weight: 1, arbitrary: fc.constant('') }, { weight: 8, arbitrary: oddText }), {
  nil: null,
});
const rowsOf = (columns: number) =>
  fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { maxLength: 60 });

/** The driver of DuckDB drops a byte order mark at the start of a text: bytes are compared. */
const hex = (text: string | null) => (text === null ? null : Buffer.from(text).toString('hex'));

describe.skipIf(isMissing)('texts', () => {
  it('come as they are, whatever is in them', async () => {
    const db = await server().client();
    let no = 0;
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 3 }), rowsOf(3), async (width, rows) => {
      const name = `texts_${no++}`;
      const columns = ['a', 'b', 'c'].slice(0, width);
      await db.query(`CREATE TABLE ${name} (${columns.map((column) => `${column} text`).join(', ')})`);
      const cut = rows.map((row) => row.slice(0, width));
      await db.query(
        `INSERT INTO ${name} SELECT ${columns.map((_, i) => `r ->> ${i}`).join(', ')} FROM json_array_elements($1) AS t(r)`,
        [JSON.stringify(cut)],
      );
      const extracted = await extractWith(server().connection(), { from: table(name) });
      const found = await extracted.rows(
        columns.map((column) => `lower(hex(encode(${column}))) AS ${column}`).join(', '),
      );
      const sorted = (all: readonly (readonly unknown[])[]) => all.map((row) => JSON.stringify(row)).sort();
      expect(extracted.count).toBe(cut.length);
      expect(sorted(found.map((row) => columns.map((column) => row[column])))).toEqual(
        sorted(cut.map((row) => row.map(hex))),
      );
    });
    await fc.assert(property, { numRuns: RUNS });
  });

  it('come as they are in large tables, where several threads cut the file', async () => {
    const db = await server().client();
    await db.query(`
      CREATE TABLE many_texts AS
      SELECT i AS no,
        CASE WHEN i % 11 = 0 THEN NULL WHEN i % 13 = 0 THEN '' ELSE
          repeat((ARRAY[E'\\n', E'\\r\\n', '"', E'\\r', '\\', E'\\t', '\\N', ',', E'"\\n"', 'x'])[1 + i % 10], 1 + i % 40) || i || repeat(E'"\\n', i % 3)
        END AS odd,
        CASE WHEN i % 50021 = 0 THEN repeat(E'long\\n"', 300000) ELSE 'plain' END AS sometimes_long
      FROM generate_series(1, 300000) AS i`);
    const [wanted] = await server().sql(`
      SELECT count(odd)::text AS odds, sum(length(sometimes_long))::text AS size,
        md5(string_agg(md5(coalesce(odd, 'none')) || md5(sometimes_long), '' ORDER BY no)) AS digest
      FROM many_texts`);
    const extracted = await extractWith(server().connection(), { from: table('many_texts') });
    const [found] = await extracted.rows(`
      count(odd)::VARCHAR AS odds, sum(length(sometimes_long))::VARCHAR AS size,
      md5(string_agg(md5(coalesce(odd, 'none')) || md5(sometimes_long), '' ORDER BY no)) AS digest`);
    expect(found).toEqual(wanted);
  });

  it('may be 50 MB long', async () => {
    await server().sql(`
      CREATE TABLE long_text AS
      SELECT no, ('{"a": "' || repeat('\\n0123456789é', 4000000) || '"}')::json AS value FROM generate_series(1, 2) AS no`);
    const [wanted] = await server().sql(
      'SELECT md5(value::text) AS digest, octet_length(value::text) AS size FROM long_text LIMIT 1',
    );
    const extracted = await extractWith(server().connection(), { from: table('long_text') });
    const found = await extracted.rows('md5(value) AS digest, strlen(value)::INTEGER AS size');
    expect(found).toEqual([wanted, wanted]);
    expect(Number(wanted?.['size'])).toBeGreaterThan(50_000_000);
  });
});

describe.skipIf(isMissing)('values that the lake has no type for', () => {
  it('make their column text, with all of its values', async () => {
    await server().sql(`
      CREATE TABLE odd_values (no integer, price numeric(10,2), day date, at timestamp, seen timestamptz, fine date);
      INSERT INTO odd_values VALUES
        (1, 1.50, '2024-01-01', '2024-01-01 10:00', '2024-01-01 10:00+02', '2024-01-01'),
        (2, 'NaN', 'infinity', '-infinity', 'infinity', '0001-01-01'),
        (3, -2.25, '0044-03-15 BC', '10000-01-01 00:00', '0044-03-15 12:00:00+00 BC', '9999-12-31'),
        (4, NULL, NULL, NULL, NULL, NULL)`);
    const extracted = await extractWith(server().connection(), { from: table('odd_values') });
    expect(
      await extracted.rows('* EXCLUDE (_row_hash, _extracted_at, fine), fine::VARCHAR AS fine', 'ORDER BY no'),
    ).toEqual([
      {
        no: 1,
        price: '1.50',
        day: '2024-01-01',
        at: '2024-01-01 10:00:00',
        seen: '2024-01-01 08:00:00+00',
        fine: '2024-01-01',
      },
      { no: 2, price: 'NaN', day: 'infinity', at: '-infinity', seen: 'infinity', fine: '0001-01-01' },
      {
        no: 3,
        price: '-2.25',
        day: '0044-03-15 BC',
        at: '10000-01-01 00:00:00',
        seen: '0044-03-15 12:00:00+00 BC',
        fine: '9999-12-31',
      },
      { no: 4, price: null, day: null, at: null, seen: null, fine: null },
    ]);
    const facts = extracted.columns.map(({ name, type, declaredType, note }) => [
      name,
      type,
      declaredType,
      note?.split(':')[0],
    ]);
    expect(facts).toEqual([
      ['no', 'INTEGER', 'INTEGER', undefined],
      ['price', 'VARCHAR', 'DECIMAL(10,2)', 'delivered as text and not as DECIMAL(10,2)'],
      ['day', 'VARCHAR', 'DATE', 'delivered as text and not as DATE'],
      ['at', 'VARCHAR', 'TIMESTAMP', 'delivered as text and not as TIMESTAMP'],
      ['seen', 'VARCHAR', 'TIMESTAMP WITH TIME ZONE', 'delivered as text and not as TIMESTAMP WITH TIME ZONE'],
      ['fine', 'DATE', 'DATE', undefined],
    ]);
  });

  it('are not rounded when the catalog says less than the table has', async () => {
    await server().sql(`
      CREATE TABLE hacked (price numeric(10,4));
      INSERT INTO hacked VALUES (1.2345);
      UPDATE pg_attribute SET atttypmod = ((10 << 16) | 2) + 4 WHERE attrelid = 'hacked'::regclass AND attname = 'price'`);
    const extracted = await extractWith(server().connection(), { from: table('hacked') });
    expect(extracted.columns).toMatchObject([{ type: 'VARCHAR', declaredType: 'DECIMAL(10,2)' }]);
    expect(await extracted.rows('price')).toEqual([{ price: '1.2345' }]);
  });
});

describe.skipIf(isMissing)('the hash of a row', () => {
  const query = (text: string) => extractWith(server().connection(), { from: { query: text } });
  const hashes = async (text: string) =>
    (await (await query(text)).rows('_row_hash', 'ORDER BY ALL')).map((row) => row['_row_hash']);

  it('depends neither on the order of columns nor on columns without values, nor on the scale of numbers', async () => {
    const [hash] = await hashes("SELECT 1 AS a, 'x' AS b, 1.5::numeric(4,2) AS c");
    expect(typeof hash).toBe('bigint');
    for (const same of [
      "SELECT 'x' AS b, 1.5::numeric(8,4) AS c, 1 AS a",
      "SELECT 1::bigint AS a, 'x'::varchar AS b, NULL::date AS later, 1.500::numeric AS c",
      "SELECT 1 AS a, 'x' AS b, 1.5 AS c, NULL AS z",
    ]) {
      expect(await hashes(same)).toEqual([hash]);
    }
  });

  it('tells values from each other, in whichever columns they are', async () => {
    const rows = [
      "'a' AS x, 'b' AS y",
      "'b' AS x, 'a' AS y",
      "'ab' AS x, '' AS y",
      "'' AS x, 'ab' AS y",
      "'ab' AS x, NULL AS y",
      'NULL AS x, NULL AS y',
      '\'a"y"1:b\' AS x, NULL AS y',
      "'a' AS x, NULL AS y, 'b' AS z",
      "'1' AS x, '10' AS y",
      "'10' AS x, '1' AS y",
    ];
    const all = await Promise.all(rows.map((row) => hashes(`SELECT ${row}`)));
    expect(new Set(all.flat()).size).toBe(rows.length);
  });

  it('is the same when the column is text because of another row', async () => {
    const [alone] = await hashes("SELECT 1 AS n, date '2024-01-01' AS day, 1.50::numeric(5,2) AS price");
    const both = await hashes(`
      SELECT 1 AS n, date '2024-01-01' AS day, 1.50::numeric(5,2) AS price UNION ALL
      SELECT 2, 'infinity', 'NaN'`);
    expect(both).toContain(alone);
  });

  it('is written down: anybody can work it out', async () => {
    const extracted = await query(
      `SELECT 7 AS "a b", E'é\\n' AS "Z", 2.50::numeric(4,2) AS n, true AS t, '\\x00ff'::bytea AS raw`,
    );
    const text = '"Z"3:é\n"a b"1:7"n"3:2.5"raw"6:\\x00ff"t"1:t';
    const { createHash } = await import('node:crypto');
    const lower = createHash('md5').update(text).digest().subarray(8);
    expect((await extracted.rows('_row_hash'))[0]?.['_row_hash']).toBe(lower.readBigInt64LE());
  });

  it('adds up to a fingerprint that does not depend on the order of rows', async () => {
    await server().sql(`
      CREATE TABLE forward AS SELECT i, 'row ' || i AS name FROM generate_series(1, 5000) AS i;
      CREATE TABLE backward AS SELECT name, i FROM forward ORDER BY i DESC;
      CREATE TABLE doubled AS SELECT * FROM forward UNION ALL SELECT * FROM forward WHERE i = 1`);
    const of = async (name: string) => (await extractWith(server().connection(), { from: table(name) })).fingerprint;
    const forward = await of('forward');
    expect(forward).toMatch(/^[0-9a-f]{16}-5000$/);
    expect(await of('backward')).toBe(forward);
    expect(await of('doubled')).toMatch(/-5001$/);
    await server().sql("UPDATE backward SET name = name || ' ' WHERE i = 7");
    expect(await of('backward')).not.toBe(forward);
    expect((await query('SELECT * FROM forward WHERE false')).fingerprint).toBe('0000000000000000-0');
  });
});
