import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Session } from '../../../src/duckdb/session.js';
import { poisonedFile } from '../../support/poisoned-file.js';
import { failure, openStage, TestStage } from '../../support/stage.js';
import { tempFolder } from '../../support/temp-folder.js';

describe('JSON', () => {
  test('each value is text without loss, and its kind is known', async () => {
    const stage = await openStage();
    const text = `[
      {"n": 12345678901234567890123, "d": 1.10, "e": 1e400, "neg": -0.0, "s": "5\\u00e9\\n", "b": true, "z": null, "x": [1, 2.50 , "a b"], "o": { "k" : 1e2 }},
      {"n": "text", "d": 2, "e": null, "neg": 0, "s": "", "b": false, "z": null, "x": null, "o": {}}
    ]`;
    const file = await stage.content('a.json', text);
    expect(file.columns).toEqual([
      { name: 'n', type: 'TEXT', kind: 'mixed' },
      { name: 'd', type: 'TEXT', kind: 'number' },
      { name: 'e', type: 'TEXT', kind: 'number' },
      { name: 'neg', type: 'TEXT', kind: 'number' },
      { name: 's', type: 'TEXT', kind: 'text' },
      { name: 'b', type: 'TEXT', kind: 'boolean' },
      { name: 'z', type: 'TEXT', kind: 'null' },
      { name: 'x', type: 'TEXT', kind: 'text' },
      { name: 'o', type: 'TEXT', kind: 'text' },
    ]);
    expect(await stage.values(0)).toEqual([
      ['12345678901234567890123', '1.10', '1e400', '-0.0', '5é\n', 'true', null, '[1,2.50,"a b"]', '{"k":1e2}'],
      ['text', '2', null, '0', '', 'false', null, null, '{}'],
    ]);
  });

  test.each([
    ['an array', 'a.json', '[{"a":1},{"a":2}]'],
    ['NDJSON', 'a.ndjson', '{"a":1}\n\n{"a":2}'],
    ['NDJSON with CRLF', 'a.jsonl', '{"a":1}\r\n{"a":2}\r\n'],
    ['values one after the other', 'a.json', '{\n"a": 1\n}\n{\n"a": 2\n}\n'],
    ['scalars', 'a.json', '[1, 2]'],
    ['UTF-16 with mark', 'a.json', Buffer.from('\ufeff[{"a":1},{"a":2}]', 'utf16le')],
    ['UTF-8 with mark', 'a.json', '\ufeff[{"a":1},{"a":2}]'],
    ['gzip', 'a.json.gz', gzipSync('[{"a":1},{"a":2}]')],
    ['a name that says nothing', 'a.dat', ' [{"a":1},{"a":2}]'],
  ])('%s', async (_, path, content) => {
    const stage = await openStage();
    expect(await stage.content(path, content)).toMatchObject({ format: 'json', rows: 2, rejected: 0 });
    expect(await stage.values(0)).toEqual([['1'], ['2']]);
  });

  test('keys of any kind; of one that is twice the last counts', async () => {
    const stage = await openStage();
    const file = await stage.content(
      'a.json',
      JSON.stringify([{ '': 1, 'a"b': 2, 'a.b': 3, $: 4, '*': 5, 'é/~': 6, "x'": 7 }]),
    );
    expect(file.columns.map(({ name }) => name)).toEqual(['', 'a"b', 'a.b', '$', '*', 'é/~', "x'"]);
    expect(await stage.values(0)).toEqual([['1', '2', '3', '4', '5', '6', '7']]);
    expect((await stage.content('b.json', '{"k":1,"k":2}')).notes).toEqual([
      '"k" is twice in a record: the last is taken',
    ]);
    expect(await stage.values(1)).toEqual([['2']]);
  });

  test('records may lack keys and have them in any order', async () => {
    const stage = await openStage();
    await stage.content('a.ndjson', '{"a":1,"b":2}\n{"b":3,"a":4}\n{"c":5}\n');
    expect(await stage.values(0)).toEqual([
      ['1', '2', null],
      ['4', '3', null],
      [null, null, '5'],
    ]);
  });

  test.each([
    ['rounds[].matches[]', [['1'], ['2'], ['3']]],
    [
      'rounds[]',
      [
        ['A', '[{"m":1},{"m":2}]'],
        ['B', '[{"m":3}]'],
        ['C', '[]'],
      ],
    ],
    ['$.about', [['x']]],
  ])('records at %s', async (records, rows) => {
    const stage = await openStage();
    const rounds = [
      { name: 'A', matches: [{ m: 1 }, { m: 2 }] },
      { name: 'B', matches: [{ m: 3 }] },
      { name: 'C', matches: [] },
    ];
    await stage.content('a.json', JSON.stringify({ about: { k: 'x' }, rounds }, null, 2), { records });
    expect(await stage.values(0)).toEqual(rows);
  });

  test('records that are not there', async () => {
    const stage = await openStage();
    expect(await failure(stage.content('a.json', '{"b":\n1}', { records: 'data.items[]' }))).toMatchObject({
      code: 'SOURCE_FORMAT',
      message: 'a.json: no records at "data.items[]": it has no "data"',
    });
    expect(await failure(stage.content('b.json', '{"b":1}', { records: 'a[' }))).toMatchObject({ exitCode: 2 });
    const lines = '{"i":[{"a":1}]}\n{"j":[]}\n{"i":[]}\n';
    expect(await stage.content('c.ndjson', lines, { records: 'i[]' })).toMatchObject({ rows: 1, rejected: 1 });
  });

  test('a bad line of NDJSON is a reject, a bad document is refused', async () => {
    const stage = await openStage();
    const text = '{"a":1}\n{"a":\nnonsense\n{"a":"\\ud800"}\n{"a":"\\ud83d\\ude00"}\n';
    expect(await stage.content('a.ndjson', text)).toMatchObject({ rows: 2, rejected: 2 });
    expect(await stage.values(0)).toEqual([['1'], ['😀']]);
    expect(await stage.rejects()).toMatchObject([
      { line: 2n, text: '{"a":\nnonsense' },
      { line: 4n, text: '{"a":"\\ud800"}', error: 'a text has half a surrogate pair' },
    ]);
    for (const [bad, line] of [
      ['[\n{"a":1},\n{"a":}\n]', 3],
      ['{\n"a": 1\n"b": 2\n}', 3],
      ['{\n"a": 1\n}\n}', 4],
      ['[{"a":1}]\n\n{"a":2}', 3],
      ['[{"a":1}', 1],
    ] as const) {
      expect(await failure(stage.content('b.json', bad))).toMatchObject({
        code: 'SOURCE_FORMAT',
        place: `b.json:${line}`,
      });
    }
  });

  test('a large file goes through the disk', async () => {
    const stage = await openStage();
    const lines = Array.from({ length: 60_000 }, (_, i) =>
      JSON.stringify({ i, text: 'é"\n'.repeat(30), [`k${i % 3}`]: i }),
    );
    const file = await stage.content('a.ndjson', lines.join('\n'));
    expect(file.columns.map(({ name }) => name)).toEqual(['i', 'text', 'k0', 'k1', 'k2']);
    const values = await stage.values(0);
    expect(values).toHaveLength(60_000);
    expect(values[50_000]).toEqual(['50000', 'é"\n'.repeat(30), null, null, '50000']);
    await stage.content('b.ndjson', '{"k2":1,"k1":2,"k0":3,"i":4,"text":"5"}');
    expect(await stage.values(1)).toEqual([['4', '5', '3', '2', '1']]);
    expect(await stage.stage.groups()).toHaveLength(1);
    await stage.stage.drop();
    expect(await stage.leftovers()).toEqual({ tables: [], files: [] });
  });

  test('any JSON comes back as it was', async () => {
    const stage = await openStage();
    const record = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { minKeys: 1, maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(0, 2),
        async (records, indent) => {
          const file = await stage.content('a.json', JSON.stringify(records, null, indent));
          const group = (await stage.stage.groups()).find(({ files }) => files.includes(file.no));
          const rows = await stage.values(file.no);
          await stage.stage.drop();
          if (file.columns.length === 0) return;
          const at = new Map(group?.columns.map(({ name }, i) => [name, i]));
          for (const [i, wanted] of records.entries()) {
            for (const { name } of file.columns) {
              const text = rows[i]?.[at.get(name) ?? -1];
              // JSON has no -0.
              const value = JSON.parse(JSON.stringify(Object.hasOwn(wanted, name) ? wanted[name] : null));
              expect(typeof value === 'string' || text === null ? text : JSON.parse(text as string)).toEqual(value);
            }
          }
        },
      ),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 60) },
    );
  });
});

describe('what a file is', () => {
  test.each([
    ['a.json', 'a;b\n1;2\n3;4\n', 'it is named .json but it looks like CSV with semicolons', 'format: csv'],
    ['a.csv', '[{"a":1}]', 'it is named .csv but it looks like JSON', 'format: json'],
    ['a.parquet', 'a,b\n1,2\n', 'it is to be Parquet but it looks like text', 'format'],
    ['a.csv', 'PAR1xxxxPAR1', 'it is to be CSV but it looks like Parquet', 'format: parquet'],
    ['a.csv', Buffer.from([97, 44, 0, 1, 2, 3, 10, 97, 98]), 'it holds NUL bytes', undefined],
    ['a.csv.gz', gzipSync('a,b\n1,2\n').subarray(0, 20), 'the gzip data is damaged or ends early', 'again'],
    ['a.json', '[{},{}]', 'its records have no keys', undefined],
    ['a.csv', 'a,b\n1,"2"3\n', 'none of its 1 record can be read', 'again'],
  ])('%s with %j is refused', async (path, content, message, hint) => {
    const stage = await openStage();
    const error = await failure(stage.content(path, content));
    expect(error).toMatchObject({ code: 'SOURCE_FORMAT', exitCode: 1, retryable: false });
    expect(error.message).toContain(message);
    if (hint !== undefined) expect(error.hint).toContain(hint);
    expect((await stage.leftovers()) as object).toMatchObject({ files: [] });
  });

  test.each(['', '\ufeff', '\n\n\r\n', Buffer.from([0xff, 0xfe])])('%j is an empty file', async (content) => {
    const stage = await openStage();
    for (const path of ['a.csv', 'a.json', 'a.ndjson', 'a']) {
      expect(await stage.content(path, content)).toMatchObject({ columns: [], rows: 0, rejected: 0 });
    }
    expect(await stage.stage.groups()).toEqual([]);
  });

  test('the format that is asked for goes before the name', async () => {
    const stage = await openStage();
    expect(await stage.content('a.json', 'a;b\n1;2\n', { format: 'csv' })).toMatchObject({ format: 'csv', rows: 1 });
    expect(await stage.content('b.csv', '{"a":1}', { format: 'json' })).toMatchObject({ format: 'json', rows: 1 });
    expect(await stage.content('c.TSV', 'a\tb\n1\t2\n')).toMatchObject({
      format: 'csv',
      columns: [{ name: 'a' }, { name: 'b' }],
    });
  });

  test('a header alone is a layout without rows', async () => {
    const stage = await openStage();
    expect(await stage.content('a.csv', 'a,b')).toMatchObject({
      rows: 0,
      columns: [{ name: 'a' }, { name: 'b' }],
      notes: [],
    });
    expect(await stage.stage.groups()).toMatchObject([{ files: [0] }]);
  });

  test('what cannot be read now is worth another try', async () => {
    const stage = await openStage();
    const error = await failure(
      stage.stage.add({ no: 1, location: join(stage.folder, 'none.csv'), path: 'none.csv', size: 1 }),
    );
    expect(error).toMatchObject({ code: 'SOURCE_UNREADABLE', retryable: true, place: 'none.csv' });
    expect(await failure(stage.stage.add({ no: 1, location: stage.folder, path: 'folder', size: 1 }))).toMatchObject({
      code: 'SOURCE_UNREADABLE',
    });
  });
});

describe('Parquet', () => {
  test('keeps types, names and order, also of nested values', async () => {
    const stage = await openStage();
    const path = join(stage.folder, "o'[x]*.parquet");
    await stage.session.run(
      `COPY (SELECT i AS "a b", 1.10::DECIMAL(9,2) AS d, {x: [i, NULL], y: 'é'} AS s, 'ab'::BLOB AS b, DATE '2020-01-02' AS t
       FROM range(5000) r(i)) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    );
    expect(await stage.file(path)).toMatchObject({
      format: 'parquet',
      rows: 5000,
      columns: [
        { name: 'a b', type: 'BIGINT' },
        { name: 'd', type: 'DECIMAL(9,2)' },
        { name: 's', type: 'STRUCT(x BIGINT[], y VARCHAR)' },
        { name: 'b', type: 'BLOB' },
        { name: 't', type: 'DATE' },
      ],
    });
    const values = await stage.values(0);
    expect(values[4321]).toEqual([4321n, '1.10', { x: [4321n, null], y: 'é' }, expect.anything(), '2020-01-02']);
  });

  test('a file that makes DuckDB fail disturbs no other', async () => {
    const stage = await openStage();
    await stage.content('a.csv', 'a\n1\n');
    const error = await failure(stage.file(await poisonedFile()));
    expect(error).toMatchObject({ code: 'SOURCE_FORMAT', retryable: false });
    expect(error.message).toMatch(
      /^.*poisoned\.parquet: DuckDB cannot read it as Parquet: The Variant column must [^\n]*$/,
    );
    const path = join(stage.folder, 'b.parquet');
    await stage.session.run(`COPY (SELECT 7 AS a) TO '${path}' (FORMAT parquet)`);
    await stage.file(path);
    expect([await stage.values(0), await stage.values(2)]).toEqual([[['1']], [[7]]]);
    expect(stage.session.generation).toBe(0);
  });
});

describe('a stage', () => {
  test('groups files by layout and leaves nothing behind', async () => {
    let bytes = 0;
    const stage = await openStage((count) => {
      bytes += count;
    });
    await stage.content('a.csv', 'a,b\n1,2\n');
    await stage.content('b.csv', 'b,a\n1,2\n');
    await stage.content('c.csv', 'a;b\n3;4\n5\n', { delimiter: ';' });
    await stage.content('d.json', '{"b":1,"a":"x"}');
    await stage.content('e.json', '{"a":"y","b":2}');
    const groups = await stage.stage.groups();
    expect(groups.map(({ files }) => files)).toEqual([[0, 2], [1], [3, 4]]);
    expect(groups[2]?.columns).toEqual([
      { name: 'b', type: 'TEXT', kind: 'number' },
      { name: 'a', type: 'TEXT', kind: 'text' },
    ]);
    expect(await stage.values(4)).toEqual([['2', 'y']]);
    expect(bytes).toBe(8 + 8 + 10 + 15 + 15);
    await stage.stage.drop();
    expect(await stage.leftovers()).toEqual({ tables: [], files: [] });
    expect(await stage.stage.groups()).toEqual([]);
  });

  test('many layouts of JSON share a table in the end', async () => {
    const stage = await openStage();
    for (let i = 0; i < 60; i++) await stage.content(`${i}.json`, `{"a":${i},"k${i}":"${i}"}`);
    const groups = await stage.stage.groups();
    expect(groups.length).toBeLessThan(40);
    expect(groups.flatMap(({ files }) => files)).toHaveLength(60);
    expect((await stage.values(59)).map((row) => row.filter((value) => value !== null))).toEqual([['59', '59']]);
    expect(groups.at(-1)?.columns.find(({ name }) => name === 'k59')?.kind).toBe('text');
  });

  test('files added at the same time take turns; two stages share a session and a folder', async () => {
    const session = await Session.open();
    const folder = tempFolder();
    const one = new TestStage(session, folder);
    rmSync(one.scratch, { recursive: true });
    const two = new TestStage(session, folder);
    try {
      await Promise.all([
        ...Array.from({ length: 20 }, (_, i) =>
          one.content(`${i}.csv`, i % 5 === 4 ? '[{"a":1}]' : `a\n${i}\n`).catch(() => i),
        ),
        two.content('x.csv', 'a\nx\n'),
      ]);
      const rows = await session.rows(`SELECT c0 FROM (${(await one.stage.groups())[0]?.relation}) ORDER BY _file_no`);
      expect(rows).toHaveLength(16);
      await one.stage.drop();
      expect(await two.values(0)).toEqual([['x']]);
    } finally {
      session.close();
    }
  });

  test('a large file is read in its order, beside small ones', async () => {
    const stage = await openStage();
    const lines = Array.from({ length: 400_000 }, (_, i) => `${i},${'x'.repeat(80)}${i % 97 === 0 ? ',surplus' : ''}`);
    const path = join(stage.folder, 'large.csv');
    writeFileSync(path, `a,b\r\n${lines.join('\r\n')}`);
    await stage.content('small.csv', 'a,b\n1,2\n');
    expect(await stage.file(path)).toMatchObject({ rows: 395_876, rejected: 4124 });
    await stage.content('small-2.csv', 'a,b\n1,2\n');
    const relation = (await stage.stage.groups())[0]?.relation;
    const facts = `SELECT count(*) AS n, sum(c0::BIGINT) AS total, max(_row_no) AS last, count(DISTINCT _row_no) AS numbers,
        bool_and(c0::BIGINT = (_row_no - 1) + (_row_no - 1) // 96 + 1) AS ordered
      FROM (${relation}) WHERE _file_no = 1`;
    const total = lines.reduce((sum, _, i) => (i % 97 === 0 ? sum : sum + i), 0);
    expect(await stage.session.rows(facts)).toEqual([
      { n: 395_876n, total: BigInt(total), last: 395_876n, numbers: 395_876n, ordered: true },
    ]);
    expect(await stage.session.rows(`SELECT count(*) AS n FROM (${relation})`)).toEqual([{ n: 395_878n }]);
    await stage.stage.drop();
    expect(await stage.leftovers()).toEqual({ tables: [], files: [] });
  });

  test.skipIf(process.getuid?.() === 0)('a folder that cannot be written to is a matter of storage', async () => {
    const stage = await openStage();
    chmodSync(stage.scratch, 0o500);
    const error = await failure(stage.content('a.csv', 'a\r1\r'));
    chmodSync(stage.scratch, 0o700);
    expect(error).toMatchObject({ code: 'STORAGE', retryable: true });
  });

  test('a folder that is gone is a matter of storage', async () => {
    const stage = await openStage();
    rmSync(stage.scratch, { recursive: true });
    expect(await failure(stage.content('a.csv', 'a\r1\r'))).toMatchObject({ code: 'STORAGE', retryable: true });
  });
});
