import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../../src/duckdb/session.js';
import { planSchema } from '../../../src/ingest/schema/index.js';
import { EVOLVE, rowsOf, textGroup, typedGroup, types } from './schema-support.js';

let session: Session;
beforeAll(async () => {
  session = await Session.open();
});
afterAll(() => session.close());

/** The plan for one column of texts in a new dataset. */
async function planOf(values: readonly (string | null)[], column: Parameters<typeof textGroup>[1][number] = 'v') {
  const group = await textGroup(session, [column], { 0: values.map((value) => [value]) });
  const plan = await planSchema(session, { groups: [group], current: [], contract: EVOLVE });
  return { group, plan, type: types(plan)['v'], note: plan.columns[0]!.note };
}

/** What texts become in a column that the dataset has, and what is rescued. */
async function into(type: string, values: readonly (string | null)[], declared?: Record<string, string>) {
  const group = await textGroup(session, ['v'], { 0: values.map((value) => [value]) });
  const plan = await planSchema(session, {
    groups: [group],
    current: [{ name: 'v', type }],
    contract: EVOLVE,
    ...(declared === undefined ? {} : { declared }),
  });
  const rows = await rowsOf(session, plan, [group]);
  return rows.map((row) => (row['_rescued_data'] === null ? row['v'] : JSON.parse(String(row['_rescued_data']))));
}

describe('the type of a column of text', () => {
  it.each<[string, (string | null)[]]>([
    ['BIGINT', ['1', '-5', '0', null, '']],
    ['BIGINT', ['9223372036854775807', '-9223372036854775808']],
    ['DOUBLE', ['1.5', '2', '-0.25', '1.5e-07', '1E+21', '0.000']],
    ['DOUBLE', ['0.30000000000000004', '42.3512219600000000', '100.0000000000000000']],
    ['DOUBLE', ['1.234', '1.5']],
    ['BOOLEAN', ['true', 'FALSE', 'True']],
    ['DATE', ['2020-02-29', '0001-01-01', '9999-12-31']],
    ['TIMESTAMP', ['2020-02-24 18:00:00', '2020-02-24T18:00:00.123456', '2020-02-24']],
    ['TIMESTAMP WITH TIME ZONE', ['2020-02-24T18:00:00Z', '2020-02-24 18:00:00+01:30', '2020-02-24 18:00:00.5-0500']],
    ['NULL', [null, '']],
    ['NULL', []],
    ['VARCHAR', ['a', '1']],
    ['VARCHAR', ['nan', '1.5']],
    ['VARCHAR', ['inf']],
    ['VARCHAR', ['Infinity', '1']],
    ['VARCHAR', ['1_000']],
    ['VARCHAR', ['0x1F']],
    ['VARCHAR', ['1e400', '1.5']],
    ['VARCHAR', ['1e-400', '1.5']],
    ['VARCHAR', ['yes', 'no']],
    ['VARCHAR', ['infinity']],
    ['VARCHAR', ['10000-01-01']],
    ['VARCHAR', ['0000-01-01']],
    ['VARCHAR', ['2020-02-24 24:00:00']],
    ['VARCHAR', ['2020-02-24 10:00:60']],
    ['VARCHAR', ['2020-02-24 18:00:00.1234567']],
    ['VARCHAR', ['2020-02-24', '2020-02-24T18:00:00Z']],
    ['VARCHAR', ['٣']],
  ])('is %s for %j', async (type, values) => {
    expect((await planOf(values)).type).toBe(type);
  });

  it.each<[string, (string | null)[]]>([
    ['"01" has a leading zero', ['01', '10']],
    ['"+5" has a plus sign', ['+5', '6']],
    ['"1,5" has a decimal comma or commas between thousands', ['1,5', '2']],
    ['"1.234,56" has a decimal comma or commas between thousands', ['1.234,56']],
    ['"1.234.567" has points between thousands', ['1.234.567', '12']],
    ['" 5" has blanks around it', [' 5', '6']],
    ['"12345678901234567890" has more digits than a number keeps', ['12345678901234567890', '1']],
    ['"1.23456789012345678" has more digits than a number keeps', ['1.23456789012345678', '0.5']],
    ['"12e5" may be a code as well as a number', ['12e5', '1234']],
    ['"2020-02-30" is not a valid date or time', ['2020-02-30', '2020-02-28']],
    ['"n/a" is not a number', ['1', '2', 'n/a']],
  ])('is text because %s', async (note, values) => {
    const planned = await planOf(values);
    expect(planned.type).toBe('VARCHAR');
    expect(planned.note).toBe(`kept as text: ${note}`);
    expect(planned.plan.notes).toEqual([`v: kept as text: ${note}`]);
  });

  it('is text when points may part thousands or decimals, and says nothing of plain text', async () => {
    const ambiguous = await planOf(['1.234', '12.345', '7']);
    expect(ambiguous.type).toBe('VARCHAR');
    expect(ambiguous.note).toContain('declare its type');
    expect((await planOf(['a', 'b', '1'])).note).toBeUndefined();
  });

  it('is proven by every value, not by the first ones', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => String(i));
    expect((await planOf([...many, '1.5'])).type).toBe('DOUBLE');
    expect((await planOf([...many, 'x'])).type).toBe('VARCHAR');
    expect((await planOf([...Array(3000).fill(null), '2020-01-01'])).type).toBe('DATE');
    expect((await planOf([...Array(3000).fill(null), 'true'])).type).toBe('BOOLEAN');
    expect((await planOf([...many.map((n) => `${n}.500`), '1.25'])).type).toBe('DOUBLE');
    expect((await planOf([...many, '1.234'])).type).toBe('VARCHAR');
  });

  it('is what JSON says for its own kinds', async () => {
    const json = (kind: 'text' | 'number' | 'boolean' | 'mixed' | 'null') => ({ name: 'v', type: 'TEXT', kind });
    expect((await planOf(['5', '6'], json('text'))).type).toBe('VARCHAR');
    expect((await planOf(['', null], json('text'))).type).toBe('VARCHAR');
    expect((await planOf(['5', '6'], json('mixed'))).type).toBe('VARCHAR');
    expect((await planOf(['5', '1e5'], json('number'))).type).toBe('DOUBLE');
    expect((await planOf(['1.234'], json('number'))).type).toBe('DOUBLE');
    expect((await planOf(['12345678901234567890'], json('number'))).type).toBe('VARCHAR');
    expect((await planOf(['true'], json('boolean'))).type).toBe('BOOLEAN');
    expect((await planOf([null], json('null'))).type).toBe('NULL');
  });

  it('is one for all layouts of a batch', async () => {
    const a = await textGroup(session, ['v'], { 0: [['1']] });
    const b = await textGroup(session, ['w', 'V'], { 1: [['x', '2.5']] });
    const c = await typedGroup(session, 2, 'SELECT 7::INTEGER AS v, 8::UTINYINT AS w');
    const plan = await planSchema(session, { groups: [c, b, a], current: [], contract: EVOLVE });
    expect(types(plan)).toEqual({ v: 'DOUBLE', w: 'VARCHAR' });
    expect((await rowsOf(session, plan, [a, b, c])).map((row) => [row['v'], row['w'], row['_rescued_data']])).toEqual([
      [1, null, null],
      [2.5, 'x', null],
      [7, '8', null],
    ]);
    expect(plan.layouts.map(({ files }) => files)).toEqual([[0], [1], [2]]);
  });

  it('keeps the value of every text', async () => {
    const digits = fc.stringMatching(/^[-+]?[0-9]{0,20}[.,]?[0-9]{0,20}([eE][-+]?[0-9]{1,3})?$/);
    const others = fc.constantFrom(
      'true',
      'nan',
      '01',
      '1.000',
      '0.0',
      '-0',
      '2020-01-01',
      '2020-01-01 10:00:00',
      '1e5',
      '',
      ' 1',
    );
    const texts = fc.oneof(digits, fc.double({ noNaN: true }).map(String), fc.bigInt().map(String), others);
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 3 }), async (values) => {
        const { plan, group, type } = await planOf(values);
        if (type === 'NULL') {
          expect(values.every((value) => value === '')).toBe(true);
          return;
        }
        const rows = await rowsOf(session, plan, [group]);
        for (const [i, row] of rows.entries()) {
          const [text, value] = [values[i]!, row['v']];
          expect(row['_rescued_data']).toBeNull();
          if (type === 'VARCHAR') expect(value).toBe(text);
          else if (text === '') expect(value).toBeNull();
          else if (type === 'BIGINT') expect(String(value)).toBe(text);
          else if (type === 'DOUBLE') expect(decimals(value as number)).toContainEqual(decimalOf(text));
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** Digits and exponent of a decimal number without zeros at its ends. */
function decimalOf(text: string): { digits: bigint; exponent: number } {
  const [mantissa = '', e = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  let digits = BigInt(`${whole}${fraction}` === '-' ? '0' : `${whole}${fraction}`);
  let exponent = Number(e) - fraction.length;
  if (digits === 0n) return { digits: 0n, exponent: 0 };
  while (digits % 10n === 0n) {
    digits /= 10n;
    exponent++;
  }
  return { digits, exponent };
}

/** What a double may be the value of: the shortest decimal that is it, and all digits of a whole one. */
function decimals(value: number) {
  const whole = Number.isInteger(value) ? [BigInt(value).toString()] : [];
  return [String(value), ...whole].map(decimalOf);
}

describe('a value that does not fit its column', () => {
  it('is NULL there and kept under its published name', async () => {
    const group = await textGroup(session, ['N Tests', 'when', 'ok'], {
      0: [
        ['1.5', '30.2.2020', 'x'],
        ['7', '2020-02-28', '"'],
      ],
    });
    const current = [
      { name: 'N_Tests', type: 'BIGINT' },
      { name: 'when', type: 'DATE' },
      { name: 'gone', type: 'VARCHAR' },
    ];
    const plan = await planSchema(session, { groups: [group], current, contract: EVOLVE });
    expect(plan.added).toEqual([{ name: 'ok', type: 'VARCHAR' }]);
    expect(plan.columns.map(({ name, published }) => [name, published])).toEqual([
      ['N_Tests', 'N Tests'],
      ['when', 'when'],
      ['gone', 'gone'],
      ['ok', 'ok'],
    ]);
    expect(await rowsOf(session, plan, [group])).toEqual([
      {
        _file_no: 0,
        _row_no: 1n,
        N_Tests: null,
        when: null,
        gone: null,
        ok: 'x',
        _rescued_data: '{"N Tests":"1.5","when":"30.2.2020"}',
      },
      { _file_no: 0, _row_no: 2n, N_Tests: 7n, when: '2020-02-28', gone: null, ok: '"', _rescued_data: null },
    ]);
  });

  it('is told apart by every type', async () => {
    expect(await into('BIGINT', ['5', '05', '5.0', ' 5', '', null])).toEqual([
      5n,
      { v: '05' },
      { v: '5.0' },
      { v: ' 5' },
      null,
      null,
    ]);
    expect(await into('SMALLINT', ['5', '40000'])).toEqual([5, { v: '40000' }]);
    expect(await into('DOUBLE', ['5', '1,5', 'nan', '1.234'])).toEqual([5, { v: '1,5' }, { v: 'nan' }, 1.234]);
    expect(await into('FLOAT', ['0.5', '0.123456789', '7'])).toEqual([0.5, { v: '0.123456789' }, 7]);
    expect(await into('DECIMAL(10,2)', ['1.5', '1.50', '1.239', '1.5000', '123456789'])).toEqual([
      '1.50',
      '1.50',
      { v: '1.239' },
      '1.50',
      { v: '123456789' },
    ]);
    expect(await into('BOOLEAN', ['TRUE', 'yes', '1'])).toEqual([true, { v: 'yes' }, { v: '1' }]);
    expect(await into('DATE', ['2020-01-31', '2020-1-31', '2020-01-31 00:00:00'])).toEqual([
      '2020-01-31',
      { v: '2020-1-31' },
      { v: '2020-01-31 00:00:00' },
    ]);
    expect(await into('TIMESTAMP', ['2020-01-31', '2020-01-31T10:00:00Z'])).toEqual([
      '2020-01-31T00:00:00Z',
      { v: '2020-01-31T10:00:00Z' },
    ]);
    expect(await into('TIMESTAMP WITH TIME ZONE', ['2020-01-31T10:00:00+01', '2020-01-31 10:00:00'])).toEqual([
      '2020-01-31T09:00:00Z',
      { v: '2020-01-31 10:00:00' },
    ]);
    expect(await into('BLOB', ['a'])).toEqual([{ v: 'a' }]);
    expect(await into('INTEGER[]', ['[1]'])).toEqual([{ v: '[1]' }]);
    expect(await into('VARCHAR', ['05', ''])).toEqual(['05', '']);
  });

  it('of a typed file is rescued as text too, and converted when nothing is lost', async () => {
    const current = [
      { name: 'a', type: 'BIGINT' },
      { name: 'b', type: 'DATE' },
      { name: 'c', type: 'VARCHAR' },
      { name: 'd', type: 'STRUCT("x" INTEGER)' },
      { name: 'e', type: 'BIGINT' },
      { name: 'f', type: 'TIMESTAMP' },
    ];
    const group = await typedGroup(
      session,
      0,
      `SELECT unnest([2.0, 2.5]) AS a, unnest([TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-01 10:00:00']) AS b, unnest([[1], [2, 3]]) AS c,
        {'x': 1, 'y': 2} AS d, true AS e, TIMESTAMPTZ '2020-01-01 00:00:00+00' AS f`,
    );
    const plan = await planSchema(session, { groups: [group], current, contract: EVOLVE });
    const [first, second] = await rowsOf(session, plan, [group]);
    expect(first).toMatchObject({ a: 2n, b: '2020-01-01', c: '[1]', d: null, e: null, f: null });
    expect(JSON.parse(String(first!['_rescued_data']))).toEqual({
      d: '{"x":1,"y":2}',
      e: 'true',
      f: '2020-01-01 00:00:00+00',
    });
    expect(JSON.parse(String(second!['_rescued_data']))).toMatchObject({ a: '2.5', b: '2020-01-01 10:00:00' });
  });

  it('goes by the name in the table when several columns are published alike', async () => {
    const group = await textGroup(session, ['a', 'a', '', 'A'], { 0: [['x', 'y', 'z', 'w']] });
    const current = ['a', 'a_1', 'column2', 'A_2'].map((name) => ({ name, type: 'BIGINT' }));
    const plan = await planSchema(session, { groups: [group], current, contract: EVOLVE });
    const [row] = await rowsOf(session, plan, [group]);
    expect(JSON.parse(String(row!['_rescued_data']))).toEqual({ a: 'x', a_1: 'y', column2: 'z', A_2: 'w' });
  });
});

describe('a declared type', () => {
  it('wins over what the values look like', async () => {
    const group = await textGroup(session, ['code', 'n', 'day', 'amount', 'flag'], {
      0: [
        ['1', '05', '2020/1/5', ' 1.50', 'yes'],
        ['2', 'x', '5.1.2020', '1.555', '?'],
      ],
    });
    const declared = { CODE: 'text', n: 'int', day: 'date', amount: 'numeric(10,2)', flag: 'bool' };
    const plan = await planSchema(session, { groups: [group], current: [], contract: EVOLVE, declared });
    expect(types(plan)).toEqual({
      code: 'VARCHAR',
      n: 'INTEGER',
      day: 'DATE',
      amount: 'DECIMAL(10,2)',
      flag: 'BOOLEAN',
    });
    expect(await rowsOf(session, plan, [group])).toEqual([
      { _file_no: 0, _row_no: 1n, code: '1', n: 5, day: '2020-01-05', amount: '1.50', flag: true, _rescued_data: null },
      {
        _file_no: 0,
        _row_no: 2n,
        code: '2',
        n: null,
        day: null,
        amount: null,
        flag: null,
        _rescued_data: '{"n":"x","day":"5.1.2020","amount":"1.555","flag":"?"}',
      },
    ]);
    // The same columns later, when the table has them.
    expect(await into('BIGINT', ['05', '5.0', '1.5', ' 7'], { v: 'BIGINT' })).toEqual([5n, 5n, { v: '1.5' }, 7n]);
    expect(await into('TIMESTAMP', ['2020-01-05 10:00', 'x'], { v: 'TIMESTAMP' })).toEqual([
      '2020-01-05T10:00:00Z',
      { v: 'x' },
    ]);
  });

  it('does not change a column that the table has, and says so', async () => {
    const group = await textGroup(session, ['v'], { 0: [['5']] });
    const plan = await planSchema(session, {
      groups: [group],
      current: [{ name: 'v', type: 'BIGINT' }],
      contract: EVOLVE,
      declared: { v: 'VARCHAR' },
    });
    expect(plan.notes).toEqual(['v: stays BIGINT, as the table has it, not VARCHAR']);
    await expect(
      planSchema(session, { groups: [group], current: [], contract: EVOLVE, declared: { v: "x'); DROP" } }),
    ).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('"v"') });
  });
});

describe('a column of a Parquet file', () => {
  it('has the nearest type that Delta has, without loss', async () => {
    const group = await typedGroup(
      session,
      0,
      `SELECT 1::TINYINT a, 255::UTINYINT b, 18446744073709551615::UBIGINT c, 1::HUGEINT d, TIME '10:00' e, 'x'::VARCHAR f,
         TIMESTAMP_NS '2020-01-01 00:00:00.123456' g, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' h, {'x': [1]} i, MAP {'k': 1} j,
         INTERVAL 1 DAY k, '101'::BIT l, 'x'::BLOB m, {'u': TIME '10:00'} n, [1, 2]::INTEGER[2] o, 1.5::DECIMAL(5,2) p, '{}'::JSON q,
         TIMESTAMPTZ '2020-01-01 00:00:00+00' r, 'b'::ENUM('a', 'b') s, TIMESTAMP_S '2020-01-01 00:00:00' t`,
    );
    const plan = await planSchema(session, { groups: [group], current: [], contract: EVOLVE });
    expect(types(plan)).toEqual({
      a: 'TINYINT',
      b: 'SMALLINT',
      c: 'DECIMAL(20,0)',
      d: 'VARCHAR',
      e: 'VARCHAR',
      f: 'VARCHAR',
      g: 'TIMESTAMP',
      h: 'VARCHAR',
      i: 'STRUCT("x" INTEGER[])',
      j: 'MAP(VARCHAR, INTEGER)',
      k: 'VARCHAR',
      l: 'VARCHAR',
      m: 'BLOB',
      n: 'VARCHAR',
      o: 'INTEGER[]',
      p: 'DECIMAL(5,2)',
      q: 'VARCHAR',
      r: 'TIMESTAMP WITH TIME ZONE',
      s: 'VARCHAR',
      t: 'TIMESTAMP',
    });
    expect(plan.notes).toContain('e: kept as text: Delta has no type TIME');
    expect(plan.notes).toContain('h: kept as text: a TIMESTAMP has no nanoseconds');
    const [row] = await rowsOf(session, plan, [group]);
    expect(row).toMatchObject({
      b: 255,
      c: '18446744073709551615',
      e: '10:00:00',
      h: '2020-01-01 00:00:00.123456789',
      n: '{"u":"10:00:00"}',
      o: [1, 2],
      _rescued_data: null,
    });
    expect(plan.layouts[0]!.columns[4]).toEqual({
      name: 'e',
      published: 'e',
      type: 'VARCHAR',
      fileType: 'TIME',
      note: expect.any(String),
    });
  });
});

describe('a contract for columns', () => {
  const current = [{ name: 'a', type: 'BIGINT' }];
  const groups = async () => [
    await textGroup(session, ['a'], { 0: [['1']] }),
    await textGroup(session, ['a', 'Neu', 'empty'], {
      1: [
        ['2', 'x', null],
        ['3', null, ''],
      ],
      3: [['4', 'y', null]],
    }),
  ];

  it('evolve adds those that have values', async () => {
    const all = await groups();
    const plan = await planSchema(session, { groups: all, current, contract: EVOLVE });
    expect(plan.added).toEqual([{ name: 'Neu', type: 'VARCHAR' }]);
    expect(types(plan)).toEqual({ a: 'BIGINT', Neu: 'VARCHAR', empty: 'NULL' });
    expect((await rowsOf(session, plan, all)).map((row) => Object.keys(row).join())).toEqual(
      Array(4).fill('_file_no,_row_no,a,Neu,_rescued_data'),
    );
  });

  it('freeze stops the files that have them, and no others', async () => {
    const all = await groups();
    const contract = { columns: 'freeze', types: 'rescue' } as const;
    const plan = await planSchema(session, { groups: all, current, contract });
    expect([...plan.stopped.keys()]).toEqual([1, 3]);
    expect(plan.stopped.get(1)).toMatchObject({
      code: 'SCHEMA_DRIFT',
      exitCode: 4,
      message: expect.stringContaining('"Neu", "empty"'),
    });
    expect(plan.added).toEqual([]);
    expect((await rowsOf(session, plan, all)).map((row) => row['a'])).toEqual([1n]);
    expect(plan.layouts.map(({ pending }) => pending)).toEqual([false, true]);
    const accepted = new Set([plan.layouts[1]!.fingerprint]);
    const again = await planSchema(session, { groups: all, current, contract, accepted });
    expect([again.stopped.size, again.added]).toEqual([0, [{ name: 'Neu', type: 'VARCHAR' }]]);
  });

  it('freeze takes columns that an accepted layout had, though none ever had a value', async () => {
    const all = [
      await textGroup(session, ['a', 'Leer'], { 0: [['1', null]] }),
      await textGroup(session, ['leer', 'b'], { 1: [['1', '2']] }),
    ];
    const contract = { columns: 'freeze', types: 'rescue' } as const;
    const plan = await planSchema(session, { groups: all, current, contract, known: ['leer'] });
    expect([...plan.stopped].map(([no, { message }]) => [no, message])).toEqual([
      [1, 'the file has a column that the dataset does not have: "b"'],
    ]);
  });

  it('of a new dataset is about the first file, whatever comes in its batch', async () => {
    const [narrow, wide] = await groups();
    const contract = { columns: 'freeze', types: 'freeze' } as const;
    const first = await planSchema(session, { groups: [wide!, narrow!], current: [], contract });
    expect([first.stopped.size, first.added]).toEqual([2, [{ name: 'a', type: 'BIGINT' }]]);
    const later = await textGroup(session, ['a'], { 2: [['1']] });
    const second = await planSchema(session, { groups: [later, wide!], current: [], contract });
    expect([second.stopped.size, second.added.length]).toEqual([0, 2]);
  });

  it('rescue keeps their values aside', async () => {
    const all = await groups();
    const plan = await planSchema(session, { groups: all, current, contract: { columns: 'rescue', types: 'rescue' } });
    expect(plan.added).toEqual([]);
    expect((await rowsOf(session, plan, all)).map((row) => row['_rescued_data'])).toEqual([
      null,
      '{"Neu":"x"}',
      null,
      '{"Neu":"y"}',
    ]);
  });

  it('discard_row drops the rows that have a value there', async () => {
    const all = await groups();
    const plan = await planSchema(session, {
      groups: all,
      current,
      contract: { columns: 'discard_row', types: 'rescue' },
    });
    expect((await rowsOf(session, plan, all)).map((row) => row['a'])).toEqual([1n, 3n]);
    expect(plan.discarded(all[0]!)).toBeUndefined();
    expect(await session.rows(plan.discarded(all[1]!)!)).toEqual([
      { _file_no: 1, line: null, row_no: 1n, column_name: 'Neu', error: 'the dataset has no such column', text: 'x' },
      { _file_no: 3, line: null, row_no: 1n, column_name: 'Neu', error: 'the dataset has no such column', text: 'y' },
    ]);
  });
});

describe('a contract for types', () => {
  const current = [
    { name: 'a', type: 'BIGINT' },
    { name: 'b', type: 'DATE' },
  ];
  const group = () =>
    textGroup(session, ['a', 'b'], {
      0: [['1', '2020-01-01']],
      1: [
        ['1.5', 'x'],
        ['2', null],
      ],
      2: [['3', 'y']],
    });

  it('freeze stops the files that have a misfit, and no others', async () => {
    const all = [await group()];
    const plan = await planSchema(session, { groups: all, current, contract: { columns: 'evolve', types: 'freeze' } });
    expect([...plan.stopped.keys()].sort()).toEqual([1, 2]);
    expect(plan.stopped.get(1)).toMatchObject({
      code: 'SCHEMA_DRIFT',
      exitCode: 4,
      message: expect.stringContaining('"a" is BIGINT and has "1.5"; "b" is DATE and has "x"'),
    });
    expect((await rowsOf(session, plan, all)).map((row) => row['_file_no'])).toEqual([0]);
    expect(plan.layouts[0]!.pending).toBe(false);
  });

  it('discard_row drops the rows that have a misfit, one reject for each', async () => {
    const all = [await group()];
    const plan = await planSchema(session, {
      groups: all,
      current,
      contract: { columns: 'evolve', types: 'discard_row' },
    });
    expect(
      (await rowsOf(session, plan, all)).map((row) => [row['_file_no'], row['_row_no'], row['_rescued_data']]),
    ).toEqual([
      [0, 1n, null],
      [1, 2n, null],
    ]);
    expect(await session.rows(plan.discarded(all[0]!)!)).toEqual([
      { _file_no: 1, line: null, row_no: 1n, column_name: 'a', error: 'not BIGINT', text: '1.5' },
      { _file_no: 2, line: null, row_no: 1n, column_name: 'b', error: 'not DATE', text: 'y' },
    ]);
  });

  it('evolve rescues: a file does not change a type', async () => {
    const all = [await group()];
    const plan = await planSchema(session, { groups: all, current, contract: { columns: 'evolve', types: 'evolve' } });
    expect(plan.added).toEqual([]);
    expect((await rowsOf(session, plan, all)).filter((row) => row['_rescued_data'] !== null)).toHaveLength(2);
  });
});
