import { describe, expect, it } from 'vitest';
import { extractWith, isMissing, table, usePostgres } from './postgres-desk.js';

const server = usePostgres();

interface TypeCase {
  /** As declared. */
  readonly type: string;
  /** DuckDB's name of the type in the file. */
  readonly duckdb: string;
  /** Literals of PostgreSQL. */
  readonly values: readonly string[];
  /** What DuckDB makes of a value is compared with this of PostgreSQL; `v` is the value. */
  readonly text?: string;
  /** The same of DuckDB. */
  readonly duckdbText?: string;
}

const text = (type: string, ...values: string[]): TypeCase => ({ type, duckdb: 'VARCHAR', values });
const json = (type: string, ...values: string[]): TypeCase => ({ ...text(type, ...values), text: 'to_json(v)::text' });

/** DuckDB leaves the zero before the point out. */
const FRACTION = "replace(v::VARCHAR, '.', '0.')";

const CASES: readonly TypeCase[] = [
  { type: 'boolean', duckdb: 'BOOLEAN', values: ['true', 'false'], text: 'v::text' },
  { type: 'smallint', duckdb: 'SMALLINT', values: ['-32768', '0', '32767'] },
  { type: 'integer', duckdb: 'INTEGER', values: ['-2147483648', '0', '2147483647'] },
  { type: 'bigint', duckdb: 'BIGINT', values: ['-9223372036854775808', '0', '9223372036854775807'] },
  { type: 'oid', duckdb: 'BIGINT', values: ['0', '4294967295'] },
  {
    type: 'real',
    duckdb: 'FLOAT',
    values: [
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      "'-0'",
      '3.4028235e38',
      '1e-45',
      '0.1',
      '16777216',
      '1.17549435e-38',
    ],
    // Both write numbers in ways of their own.
    text: 'v::float8',
    duckdbText: 'v::DOUBLE',
  },
  {
    type: 'double precision',
    duckdb: 'DOUBLE',
    values: [
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      "'-0'",
      '1.7976931348623157e308',
      '5e-324',
      '0.1',
      '2.2250738585072014e-308',
      '123456789.123456789',
    ],
    text: 'v',
    duckdbText: 'v',
  },
  { type: 'numeric(38,0)', duckdb: 'DECIMAL(38,0)', values: [`${'9'.repeat(38)}`, `-${'9'.repeat(38)}`, '0'] },
  {
    type: 'numeric(38,38)',
    duckdb: 'DECIMAL(38,38)',
    duckdbText: FRACTION,
    values: [`0.${'9'.repeat(38)}`, `-0.${'0'.repeat(37)}1`],
  },
  { type: 'numeric(12,2)', duckdb: 'DECIMAL(12,2)', values: ['9999999999.99', '-0.01', '1.5', '0'] },
  { type: 'numeric(3,-2)', duckdb: 'DECIMAL(5,0)', values: ['99900', '-12345', '0'] },
  { type: 'numeric(2,5)', duckdb: 'DECIMAL(5,5)', duckdbText: FRACTION, values: ['0.00099', '-0.00001'] },
  text('numeric(39,0)', `${'9'.repeat(39)}`, '0'),
  text('numeric', '1.50', `${'9'.repeat(60)}.${'1'.repeat(60)}`, "'NaN'", "'Infinity'", '1e-30', '-0.000'),
  { type: 'date', duckdb: 'DATE', values: ["'0001-01-01'", "'9999-12-31'", "'1970-01-01'", "'2024-02-29'"] },
  {
    type: 'timestamp',
    duckdb: 'TIMESTAMP',
    values: [
      "'0001-01-01 00:00:00'",
      "'9999-12-31 23:59:59.999999'",
      "'1969-12-31 23:59:59.5'",
      "'2024-02-29 12:00:00.000001'",
    ],
  },
  {
    type: 'timestamptz',
    duckdb: 'TIMESTAMP WITH TIME ZONE',
    values: [
      "'0001-01-01 00:00:00+00'",
      "'9999-12-31 23:59:59.999999+00'",
      "'2024-03-31 02:30:00+01'",
      "'1900-01-01 00:00:00.1-12:34'",
    ],
  },
  { type: 'timestamp(0)', duckdb: 'TIMESTAMP', values: ["'2024-01-01 10:00:00.6'"] },
  text('time', "'24:00:00'", "'00:00:00.000001'"),
  text('timetz', "'23:59:59.999999-15:59'", "'00:00+00'"),
  text('interval', "'-178000000 years'", "'1 year 2 mons -3 days 04:05:06.789'", "'0'"),
  {
    type: 'bytea',
    duckdb: 'BLOB',
    values: ["''", "'\\x00'", "'\\x5c6e0a09ff'"],
    text: "encode(v, 'hex')",
    duckdbText: 'lower(hex(v))',
  },
  {
    type: 'text',
    duckdb: 'VARCHAR',
    values: [
      "''",
      "' '",
      "E'\\n'",
      "E'\\r\\n'",
      "E'\\\\N'",
      "'\\.'",
      "E'\\t\\b\\f\\v'",
      "'\"'",
      "','",
      "'#'",
      "'\u{1F600}é'",
      "E'\\u0001'",
      "'\uFEFF'",
    ],
    // The driver of DuckDB leaves a byte order mark out.
    text: "encode(convert_to(v, 'UTF8'), 'hex')",
    duckdbText: 'lower(hex(encode(v)))',
  },
  text('varchar(5)', "'abc  '", "''"),
  text('char(5)', "'ab'", "''"),
  text('name', "'a name'"),
  text('"char"', "'x'", "''"),
  text('uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
  text('inet', "'192.168.1.5/24'", "'::1'"),
  text('cidr', "'10.0.0.0/8'"),
  text('macaddr', "'08:00:2b:01:02:03'"),
  text('macaddr8', "'08:00:2b:01:02:03:04:05'"),
  text('json', '\'{"a" : 1.50,  "a":2}\'', 'E\'{\\n"x": "\\\\n\\\\\\\\"}\''),
  text('jsonb', '\'{"b":1.50,"a":"\\\\\\\\"}\'', "'null'"),
  text('xml', "'<a>b&amp;c</a>'"),
  text('money', "'-12345678.90'"),
  text('bit(3)', "B'101'"),
  text('varbit', "B''", "B'10101'"),
  text('point', "'(1.5,-2)'"),
  text('polygon', "'((0,0),(1,1),(1,0))'"),
  text('tsvector', "'a fat cat''s:3'::tsvector"),
  text('tsquery', "'fat & !rat'"),
  text('pg_lsn', "'16/B374D848'"),
  text('int4range', "'[1,5)'", "'empty'"),
  text('tstzrange', "'[2024-01-01 00:00+00,)'"),
  text('datemultirange', "'{[2024-01-01,2024-01-05),[2024-02-01,)}'"),
  text('regtype', "'integer'"),
  text('regclass', "'pg_class'"),
  text('xid', "'4294967295'"),
  text('tid', "'(1,2)'"),
  text('mood', "'so so'", "'back\\slash'"),
  { type: 'year_of_birth', duckdb: 'INTEGER', values: ['1970'] },
  { type: 'price_of_one', duckdb: 'DECIMAL(8,3)', values: ['1.125'] },
  json('integer[]', "'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'", "'[2:3]={7,8}'"),
  json('numeric[]', "'{1.50,123456789012345678901234567890.12,NaN}'"),
  json('bigint[]', "'{9223372036854775807}'"),
  json('text[]', "array['a\"b', E'c\\nd', '', NULL, 'NULL', '\\']"),
  json('timestamptz[]', "array['2024-01-01 10:00+02'::timestamptz, 'infinity']"),
  json('bytea[]', "array['\\x00ff'::bytea]"),
  json('address', 'row(\'a "street"\', 7)', 'row(NULL, NULL)'),
  json('address[]', "array[row('x', 1)::address]"),
];

const SETTINGS = "SET timezone = 'UTC'; SET intervalstyle = iso_8601; SET datestyle = ISO; SET extra_float_digits = 1;";

describe.skipIf(isMissing)('values of PostgreSQL in the Parquet file', () => {
  it('are the same, extreme ones too, for every type', async () => {
    const db = await server().client();
    await db.query(`
      CREATE TYPE mood AS ENUM ('so so', 'back\\slash');
      CREATE DOMAIN year_of_birth AS integer CHECK (VALUE > 1900);
      CREATE DOMAIN price_of_one AS numeric(8,3);
      CREATE TYPE address AS (street text, house integer);`);
    const most = Math.max(...CASES.map(({ values }) => values.length));
    const columns = CASES.map(({ type }, i) => `c${i} ${type}`).join(', ');
    await db.query(`CREATE TABLE every_type (no integer, ${columns})`);
    for (let row = 0; row <= most; row++) {
      const values = CASES.map(({ type, values }) =>
        row < values.length ? `CAST(${values[row]} AS ${type})` : 'NULL',
      );
      await db.query(`INSERT INTO every_type VALUES (${row}, ${values.join(', ')})`);
    }
    const extracted = await extractWith(server().connection(), { from: table('every_type') });
    expect(extracted.columns.slice(1).map(({ type, note }) => [type, note])).toEqual(
      CASES.map(({ duckdb }) => [duckdb, undefined]),
    );
    const inPostgres = (pattern: string, i: number) => `(${pattern.replaceAll(/\bv\b/g, `c${i}`)})`;
    // The output function of the type, which a cast to text is not always.
    const written = ({ text: how = "CASE WHEN v IS NOT NULL THEN format('%s', v) END" }: TypeCase, i: number) =>
      `${inPostgres(how, i)} AS t${i}`;
    await db.query(SETTINGS);
    const wanted = (await db.query(`SELECT ${CASES.map(written).join(', ')} FROM every_type ORDER BY no`)).rows;
    const read = CASES.map(({ duckdbText = 'v::VARCHAR' }, i) => `${inPostgres(duckdbText, i)} AS t${i}`);
    const found = await extracted.rows(read.join(', '), 'ORDER BY no');
    for (const [i, { type }] of CASES.entries()) {
      expect(
        found.map((row) => row[`t${i}`]),
        type,
      ).toEqual(wanted.map((row) => row[`t${i}`]));
    }
  });
});
