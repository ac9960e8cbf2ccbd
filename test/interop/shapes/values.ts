import type { Shape } from '../shape.js';

const at = (values: readonly string[], by = 'i') => `[${values.join(', ')}][1 + (${by}) % ${values.length}]`;

/** One value of the list for each row, in turn. */
const from = (columns: Readonly<Record<string, readonly string[]>>) => (first: number, end: number) =>
  `SELECT i::BIGINT AS id, ${Object.entries(columns)
    .map(([name, values]) => `${at(values)} AS "${name}"`)
    .join(', ')} FROM range(${first}, ${end}) t(i)`;

const PRIMITIVES = {
  long: ['9223372036854775807', '(-9223372036854775808)::BIGINT', '9007199254740993', '0', 'NULL'],
  integer: ['2147483647::INTEGER', '(-2147483648)::INTEGER', '0', 'NULL'],
  short: ['32767::SMALLINT', '(-32768)::SMALLINT', 'NULL'],
  byte: ['127::TINYINT', '(-128)::TINYINT', 'NULL'],
  float: [
    "'nan'::FLOAT",
    "'inf'::FLOAT",
    "'-inf'::FLOAT",
    '1.5::FLOAT',
    '3.4028235e38::FLOAT',
    "'-0.0'::FLOAT",
    'NULL',
  ],
  double: [
    "'nan'::DOUBLE",
    "'inf'::DOUBLE",
    "'-inf'::DOUBLE",
    '0.1::DOUBLE',
    '1.7976931348623157e308',
    '5e-324::DOUBLE',
    "'-0.0'::DOUBLE",
    'NULL',
  ],
  boolean: ['true', 'false', 'NULL'],
  string: [
    "''",
    "' '",
    "'größe €'",
    "'😀'",
    "'a''b\"c\\d'",
    "'line' || chr(10) || 'break'",
    "repeat('z', 100)",
    "'z' || chr(0) || 'z'",
    'NULL',
  ],
  binary: ["''::BLOB", "'\\x00\\xFF'::BLOB", "'abc'::BLOB", 'NULL'],
  date: ["DATE '1900-01-01'", "DATE '1969-12-31'", "DATE '2024-02-29'", "DATE '2299-12-31'", 'NULL'],
  timestamp: [
    "TIMESTAMPTZ '1969-12-31 23:59:59.999999Z'",
    "TIMESTAMPTZ '2026-01-01 00:00:00.000001Z'",
    "TIMESTAMPTZ '1900-01-01 00:00:00Z'",
    'NULL',
  ],
  small: ['1.20::DECIMAL(5, 2)', '(-999.99)::DECIMAL(5, 2)', '0.00::DECIMAL(5, 2)', 'NULL'],
  middle: ['123456789012345.678::DECIMAL(18, 3)', '(-0.001)::DECIMAL(18, 3)', 'NULL'],
  large: [
    '99999999999999999999999999999999999999::DECIMAL(38, 0)',
    '(-99999999999999999999999999999999999999)::DECIMAL(38, 0)',
    'NULL',
  ],
};

const NESTED = `SELECT i::BIGINT AS id,
  CASE WHEN i % 5 <> 4 THEN {'x': i::BIGINT, 'y': CASE WHEN i % 2 = 0 THEN 'y' || i END,
    'z': CASE WHEN i % 3 <> 2 THEN {'deep': (i * 2)::INTEGER, 'list': CASE WHEN i % 4 <> 3 THEN [i::INTEGER, NULL] END} END} END AS s,
  CASE i % 4 WHEN 0 THEN [] WHEN 1 THEN [i::BIGINT, NULL] WHEN 2 THEN [NULL::BIGINT] END AS l,
  CASE i % 3 WHEN 0 THEN MAP {'a': i::BIGINT, 'b': NULL::BIGINT} WHEN 1 THEN MAP([]::VARCHAR[], []::BIGINT[]) END AS m,
  CASE i % 4 WHEN 0 THEN [{'k': 'k' || i, 'v': [i::INTEGER]}, NULL] WHEN 1 THEN [{'k': NULL, 'v': NULL}] WHEN 2 THEN [] END AS ls,
  CASE i % 3 WHEN 0 THEN MAP {1::BIGINT: {'d': DATE '2026-01-01'}, 2::BIGINT: NULL} END AS ms,
  CASE i % 3 WHEN 0 THEN [[1::INTEGER, 2], NULL, []] END AS ll
  FROM range`;
const nested = (first: number, end: number) => `${NESTED}(${first}, ${end}) t(i)`;

const SPECIAL = [
  "'plain'",
  "'a b'",
  "'a/b'",
  "'a=b'",
  "'100%'",
  "'%20'",
  "'a?b'",
  "'a#b'",
  "'a:b'",
  "'ü €'",
  "'😀'",
  "'a+b&c'",
  "'''\"\\'",
  "'[x]*{y}'",
  "' '",
  "'.'",
  "'line' || chr(10)",
  "'tab' || chr(9)",
  'NULL',
];

const PARTITION_VALUES = {
  p_long: ['9223372036854775807', '-1', 'NULL'],
  p_integer: ['0::INTEGER', '(-2147483648)::INTEGER', 'NULL'],
  p_short: ['(-5)::SMALLINT', 'NULL', '7::SMALLINT'],
  p_byte: ['NULL', '(-128)::TINYINT', '127::TINYINT'],
  p_boolean: ['true', 'false', 'NULL'],
  p_decimal: ['1.200::DECIMAL(12, 3)', '(-7.000)::DECIMAL(12, 3)', 'NULL'],
  p_date: ["DATE '1969-12-31'", "DATE '2026-02-28'", 'NULL'],
  p_timestamp: ["TIMESTAMPTZ '2026-01-01 01:02:03Z'", "TIMESTAMPTZ '1969-07-20 20:17:40.123456Z'", 'NULL'],
};

const set = (name: string) => ({ [name]: 'NULL' });

/** Values of every type. */
export const VALUES: readonly Shape[] = [
  {
    name: 'every primitive type',
    columns: {
      id: 'BIGINT',
      long: 'BIGINT',
      integer: 'INTEGER',
      short: 'SMALLINT',
      byte: 'TINYINT',
      float: 'FLOAT',
      double: 'DOUBLE',
      boolean: 'BOOLEAN',
      string: 'VARCHAR',
      binary: 'BLOB',
      date: 'DATE',
      timestamp: 'TIMESTAMP WITH TIME ZONE',
      small: 'DECIMAL(5,2)',
      middle: 'DECIMAL(18,3)',
      large: 'DECIMAL(38,0)',
    },
    rows: from(PRIMITIVES),
    set: { string: "'changed'" },
  },
  {
    name: 'times far away',
    columns: { id: 'BIGINT', date: 'DATE', at: 'TIMESTAMP WITH TIME ZONE' },
    rows: from({
      date: ["DATE '0001-01-01'", "DATE '9999-12-31'", "DATE '1582-10-10'", 'NULL'],
      at: [
        "TIMESTAMPTZ '0001-01-01 00:00:00Z'",
        "TIMESTAMPTZ '9999-12-31 23:59:59.999999Z'",
        "TIMESTAMPTZ '1582-10-10 12:00:00Z'",
      ],
    }),
    set: set('date'),
  },
  {
    name: 'timestamps without zone',
    columns: { id: 'BIGINT', at: 'TIMESTAMP', p: 'TIMESTAMP' },
    partitionBy: ['p'],
    rows: from({
      at: ["TIMESTAMP '1969-12-31 23:59:59.999999'", "TIMESTAMP '2026-03-29 02:30:00'", 'NULL'],
      p: ["TIMESTAMP '2026-01-01 01:02:03'", "TIMESTAMP '2026-01-01 01:02:03.004'", 'NULL'],
    }),
    set: set('at'),
  },
  {
    name: 'nested types, nulls at every level',
    columns: {
      id: 'BIGINT',
      s: 'STRUCT(x BIGINT, y VARCHAR, z STRUCT(deep INTEGER, list INTEGER[]))',
      l: 'BIGINT[]',
      m: 'MAP(VARCHAR, BIGINT)',
      ls: 'STRUCT(k VARCHAR, v INTEGER[])[]',
      ms: 'MAP(BIGINT, STRUCT(d DATE))',
      ll: 'INTEGER[][]',
    },
    rows: nested,
    set: set('s'),
  },
  {
    name: 'partitioned by strings with special characters',
    columns: { id: 'BIGINT', p: 'VARCHAR' },
    partitionBy: ['p'],
    rows: from({ p: SPECIAL }),
    set: { p: "'moved/to %'" },
    miswrites: { kernel: 'chdb does not encode paths' },
  },
  {
    name: 'partitioned by the empty string, which is null',
    columns: { id: 'BIGINT', p: 'VARCHAR' },
    partitionBy: ['p'],
    rows: from({ p: ["''", "'x'", 'NULL'] }),
    set: { p: "''" },
    miswrites: { 'delta-rs': 'keeps the empty string' },
  },
  {
    name: 'partitioned by every type',
    columns: {
      id: 'BIGINT',
      n: 'INTEGER',
      p_long: 'BIGINT',
      p_integer: 'INTEGER',
      p_short: 'SMALLINT',
      p_byte: 'TINYINT',
      p_boolean: 'BOOLEAN',
      p_decimal: 'DECIMAL(12,3)',
      p_date: 'DATE',
      p_timestamp: 'TIMESTAMP WITH TIME ZONE',
    },
    partitionBy: Object.keys(PARTITION_VALUES),
    rows: from({ n: ['1::INTEGER', 'NULL'], ...PARTITION_VALUES }),
    set: { n: '-1' },
  },
  {
    name: 'partitioned by floating point',
    columns: { id: 'BIGINT', p_float: 'FLOAT', p_double: 'DOUBLE' },
    partitionBy: ['p_float', 'p_double'],
    rows: from({
      p_float: ['1.5::FLOAT', '(-2)::FLOAT', 'NULL'],
      p_double: ['1.5::DOUBLE', '-2.0::DOUBLE', '1e10::DOUBLE', '0.1::DOUBLE', 'NULL'],
    }),
    set: set('p_double'),
  },
  {
    name: 'partitioned by binary',
    columns: { id: 'BIGINT', p: 'BLOB' },
    partitionBy: ['p'],
    rows: from({ p: ["'abc'::BLOB", "'a b'::BLOB", 'NULL'] }),
    set: set('p'),
    miswrites: { 'delta-rs': 'writes escapes that it does not read' },
  },
];
