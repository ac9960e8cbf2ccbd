import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FormatOptions } from '../../../src/sources/formats/index.js';
import { failure, openStage } from '../../support/stage.js';

const names = (columns: readonly { name: string }[]) => columns.map(({ name }) => name);

describe('what CSV means', () => {
  test.each([
    ['codes keep their zeros, nothing is typed', 'a,b\n01,1.50\n', [['01', '1.50']]],
    ['an empty field is NULL, an empty text in quotes is not', 'a,b\n,""\n', [[null, '']]],
    ['no newline at the end', 'a,b\n1,2', [['1', '2']]],
    [
      'CRLF',
      'a,b\r\n1,2\r\n3,4\r\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'bare CR',
      'a,b\r1,2\r3,4\r',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'all three in one file',
      'a,b\r\n1,2\n3,4\r5,6',
      [
        ['1', '2'],
        ['3', '4'],
        ['5', '6'],
      ],
    ],
    ['line ends within quotes stay as they are', 'a,b\r\n1,"x\ry\nz\r\nw"\r\n', [['1', 'x\ry\nz\r\nw']]],
    [
      'a line end in a quoted header',
      'a,"b\nc"\r\n1,2\r\n3,4\r\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['quotes within quotes', 'a,b\n"x""y","""' + '"\n', [['x"y', '"']]],
    ['a quote within a field without quotes is a character', 'a,b\n5" pipe,x"y"\n', [['5" pipe', 'x"y"']]],
    ['blanks before a quote make it a character', 'a,b\n1, "2"\n', [['1', ' "2"']]],
    ['blanks belong to the value', 'a,b\n 1 , 2 \n', [[' 1 ', ' 2 ']]],
    [
      'lines without anything are no rows',
      '\n\na,b\n\n1,2\n\n\n3,4\n\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['one column: they are, but for the last', 'a\n\n1\n\n\n2\n\n\n', [[null], ['1'], [null], [null], ['2']]],
    [
      'one delimiter after the last field',
      'a,b\n1,2,\n3,4\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['only delimiters are a row', 'a,b\n,\n', [[null, null]]],
  ])('%s', async (_, text, rows) => {
    const stage = await openStage();
    const file = await stage.content('a.csv', text);
    expect(await stage.values(0)).toEqual(rows);
    expect(file).toMatchObject({ rows: rows.length, rejected: 0, notes: [] });
  });

  test.each<[string, FormatOptions, string, unknown[][]]>([
    ['a delimiter', { delimiter: '#' }, 'a#b\n1,5#2;6\n', [['1,5', '2;6']]],
    ['a quote', { quote: "'" }, "a,b\n'x,''y\"',2\n", [['x,\'y"', '2']]],
    ['no quote', { quote: '' }, 'a,b\n"1,2"\n', [['"1', '2"']]],
    [
      'an escape character',
      { escape: '\\' },
      'a,b\n"x\\"y","c:\\\\d\\n"\n1,"a,b"\n',
      [
        ['x"y', 'c:\\d\\n'],
        ['1', 'a,b'],
      ],
    ],
    [
      'no header',
      { header: false },
      '1,2\n3,4\n',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['lines before the header', { skip: 2 }, 'Report, "of" today\r\n"open\r\na,b\r\n1,2\r\n', [['1', '2']]],
    [
      'texts that mean NULL',
      { nullValues: ['NA', '-'] },
      'a,b\nNA,-\n"NA",\n',
      [
        [null, null],
        ['NA', null],
      ],
    ],
  ])('option: %s', async (_, options, text, rows) => {
    const stage = await openStage();
    const file = await stage.content('a.csv', text, options);
    expect(await stage.values(0)).toEqual(rows);
    expect(names(file.columns)).toEqual(options.header === false ? ['', ''] : ['a', 'b']);
  });

  test('names are as published: empty, twice, with blanks', async () => {
    const stage = await openStage();
    const file = await stage.content('a.csv', 'a,a, b ,"c""d",\n1,2,3,4,5\n');
    expect(names(file.columns)).toEqual(['a', 'a', ' b ', 'c"d', '']);
    expect(await stage.values(0)).toEqual([['1', '2', '3', '4', '5']]);
  });

  test.each([
    [',', 'a,b\n1;2,"3;4"\n', ['a', 'b']],
    [';', 'a;b;c\n1,5;2,5;3,5\n1,5;2,5;3,5\n', ['a', 'b', 'c']],
    ['\t', 'a\tb, c\n1\t2, 3\n', ['a', 'b, c']],
    ['|', 'a|b\n"1,2,3"|x\n', ['a', 'b']],
    ['none', 'a\n1\n', ['a']],
  ])('the delimiter is told from the content: %j', async (_, text, columns) => {
    const stage = await openStage();
    const file = await stage.content('a.csv', text);
    expect([names(file.columns), file.rejected]).toEqual([columns, 0]);
  });

  test('a text of many megabytes in one field', async () => {
    const stage = await openStage();
    const long = 'x,"\n'.repeat(2_000_000);
    await stage.content('a.csv', `a,b\n1,"${long.replaceAll('"', '""')}"\n2,y\n`);
    const [[, first] = [], second] = await stage.values(0);
    expect(first === long).toBe(true);
    expect(second).toEqual(['2', 'y']);
  });
});

describe('rows that cannot be read', () => {
  test('are rejects with line, column, error and text; the others are rows', async () => {
    const stage = await openStage();
    const text = 'id,name,x\r\n1,a,1\r\n2,b\r\n3,"c"d,1\r\n4,"e\r\nf",1\r\n5,g,1,2\r\n6,h,1\r\n7,"i,1\r\n';
    const file = await stage.content('a.csv', text);
    expect(file).toMatchObject({ rows: 3, rejected: 4 });
    expect(await stage.values(0)).toEqual([
      ['1', 'a', '1'],
      ['4', 'e\r\nf', '1'],
      ['6', 'h', '1'],
    ]);
    expect(await stage.rejects()).toEqual([
      { _file_no: 0, line: 3n, column_name: 'x', error: '2 fields where the header has 3 columns', text: '2,b' },
      {
        _file_no: 0,
        line: 4n,
        column_name: 'name',
        error: 'text follows the closing quote of a field',
        text: '3,"c"d,1',
      },
      { _file_no: 0, line: 7n, column_name: null, error: '4 fields where the header has 3 columns', text: '5,g,1,2' },
      { _file_no: 0, line: 9n, column_name: 'name', error: 'a quoted field is not closed', text: '7,"i,1\r\n' },
    ]);
  });

  test('thousands of them', async () => {
    const stage = await openStage();
    const lines = Array.from({ length: 5000 }, (_, i) => (i % 2 === 0 ? `${i},x` : `${i}`));
    expect(await stage.content('a.csv', `a,b\n${lines.join('\n')}\n`)).toMatchObject({ rows: 2500, rejected: 2500 });
    expect(await stage.rejects()).toHaveLength(2500);
  });

  test('a file of which no row fits is refused and leaves nothing behind', async () => {
    const stage = await openStage();
    const lines = Array.from({ length: 2000 }, (_, i) => `${i},x`);
    const error = await failure(stage.content('a.csv', `title of it all,,\n${lines.join('\n')}\n`));
    expect(error).toMatchObject({ code: 'SOURCE_FORMAT', exitCode: 1, retryable: false, place: 'a.csv:2' });
    expect(error.hint).toContain('skip');
    expect(await stage.rejects()).toEqual([]);
    expect(await stage.stage.groups()).toEqual([]);
    expect((await stage.leftovers()) as object).toMatchObject({ files: [] });
  });

  test('a quote that swallows the rest of a large file refuses it', async () => {
    const stage = await openStage();
    const text = `a,b\n1,2\n3,"4\n${'5,6\n'.repeat(300_000)}`;
    const error = await failure(stage.content('a.csv', text));
    expect(error).toMatchObject({ code: 'SOURCE_FORMAT', place: 'a.csv:3' });
  });
});

describe('encodings', () => {
  const text = 'città;nome\n"Forlì; €";Ötzi\n';
  const windows = Buffer.from(text.replace('€', '\x80'), 'latin1');
  test.each<[string, Uint8Array, string[], FormatOptions]>([
    ['UTF-8', Buffer.from(text), [], {}],
    ['UTF-8 with mark', Buffer.from(`\ufeff${text}`), [], {}],
    ['UTF-16LE with mark', Buffer.from(`\ufeff${text}`, 'utf16le'), ['read as utf-16le'], {}],
    ['UTF-16LE', Buffer.from(text, 'utf16le'), ['read as utf-16le'], {}],
    ['UTF-16BE with mark', Buffer.from(`\ufeff${text}`, 'utf16le').swap16(), ['read as utf-16be'], {}],
    ['UTF-16BE', Buffer.from(text, 'utf16le').swap16(), ['read as utf-16be'], {}],
    ['windows-1252', windows, ['not UTF-8: read as windows-1252'], {}],
    ['windows-1252 said', windows, ['read as windows-1252'], { encoding: 'Windows-1252' }],
    [
      'ISO-8859-15 said',
      Buffer.from(text.replace('€', '\xa4'), 'latin1'),
      ['read as iso-8859-15'],
      { encoding: 'iso-8859-15' },
    ],
    ['gzip', gzipSync(Buffer.from(text)), [], {}],
    ['gzip of windows-1252', gzipSync(windows), ['not UTF-8: read as windows-1252'], {}],
    ['gzip in two members', Buffer.concat([gzipSync(text.slice(0, 9)), gzipSync(text.slice(9))]), [], {}],
  ])('%s', async (_, bytes, notes, options) => {
    const stage = await openStage();
    const file = await stage.content('a.csv', bytes, options);
    expect(await stage.values(0)).toEqual([['Forlì; €', 'Ötzi']]);
    expect(names(file.columns)).toEqual(['città', 'nome']);
    expect(file.notes).toEqual(notes);
    expect((await stage.leftovers()) as object).toMatchObject({ files: [] });
  });

  test('a byte that windows-1252 does not have: latin1, and it says so', async () => {
    const stage = await openStage();
    const file = await stage.content('a.csv', Buffer.from('a,b\n\x81,\x80\xe9\n', 'latin1'));
    expect(file.notes).toEqual(['neither UTF-8 nor windows-1252: read as latin1']);
    expect(await stage.values(0)).toEqual([['\x81', '\x80é']]);
  });

  test('invalid bytes deep in a large file change how all of it is read', async () => {
    const stage = await openStage();
    const head = 'a,b\nbé,1\n';
    const bytes = Buffer.concat([
      Buffer.from(head),
      Buffer.from(`${'x'.repeat(200)},1\n`.repeat(25_000)),
      Buffer.from('\xe9,2,3\n\xe9,2', 'latin1'),
    ]);
    const file = await stage.content('a.csv', bytes);
    expect(file).toMatchObject({ rows: 25_002, rejected: 1, notes: ['not UTF-8: read as windows-1252'] });
    const values = await stage.values(0);
    expect([values[0], values.at(-1)]).toEqual([
      ['bÃ©', '1'],
      ['é', '2'],
    ]);
    expect(await stage.rejects()).toMatchObject([{ text: 'é,2,3' }]);
  });

  test('an encoding that was said and is not so refuses the file', async () => {
    const stage = await openStage();
    const error = await failure(stage.content('a.csv', windows, { encoding: 'utf-8' }));
    expect(error).toMatchObject({ code: 'SOURCE_FORMAT', message: 'a.csv: it is not utf-8 text' });
    expect(await failure(stage.content('a.csv', windows, { encoding: 'klingon' }))).toMatchObject({ exitCode: 2 });
  });
});

/** A value as a record of RFC 4180 has it. */
function written(value: string | null, mode: { delimiter: string; quote: string; all: boolean }): string {
  if (value === null) return '';
  const { delimiter, quote, all } = mode;
  const must = value === '' || [delimiter, quote, '\n', '\r'].some((mark) => value.includes(mark));
  return must || all ? quote + value.replaceAll(quote, quote + quote) + quote : value;
}

const awkward = fc.constantFrom(
  '"',
  "'",
  ',',
  ';',
  '\n',
  '\r',
  '\r\n',
  '\t',
  '\\',
  ' ',
  'é',
  '€',
  'NULL',
  '1',
  '\u2028',
  '😀',
);
const value = fc.oneof(
  fc.array(awkward, { maxLength: 5 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\0', '0').replaceAll('\ufeff', '')),
);

test('what a writer of RFC 4180 wrote is read back, whatever the delimiter, the quotes, the line ends, the encoding and the packing', async () => {
  const stage = await openStage();
  const table = fc.integer({ min: 1, max: 5 }).chain((width) =>
    fc.record({
      header: fc.array(value, { minLength: width, maxLength: width }),
      rows: fc.array(fc.array(fc.option(value), { minLength: width, maxLength: width }), { maxLength: 12 }),
    }),
  );
  const form = fc.record({
    delimiter: fc.constantFrom(',', ';', '\t', '|', ' '),
    quote: fc.constantFrom('"', "'"),
    all: fc.boolean(),
    newlines: fc.array(fc.constantFrom('\n', '\r\n', '\r'), { minLength: 1, maxLength: 2 }),
    last: fc.boolean(),
    encoding: fc.constantFrom('utf8', 'utf8 marked', 'utf16le', 'utf16be'),
    packed: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(table, form, async ({ header, rows }, { newlines, last, encoding, packed, ...mode }) => {
      const lines = [header, ...rows].map((row) => row.map((field) => written(field, mode)).join(mode.delimiter));
      // CR, an empty line and LF would read as CRLF.
      const kinds = header.length === 1 ? newlines.slice(0, 1) : newlines;
      const ends = lines.map((line, i) => line + (i < lines.length - 1 || last ? kinds[i % kinds.length] : ''));
      const body = ends.join('');
      const text = encoding === 'utf8' ? body : `\ufeff${body}`;
      let bytes = Buffer.from(text, encoding.startsWith('utf16') ? 'utf16le' : 'utf8');
      if (encoding === 'utf16be') bytes.swap16();
      if (packed) bytes = gzipSync(bytes);
      const options = { format: 'csv', delimiter: mode.delimiter, quote: mode.quote } as const;
      const file = await stage.content('a.csv', bytes, options);
      // A last line without anything is no row of a single column.
      const wanted = [...rows];
      while (header.length === 1 && wanted.at(-1)?.[0] === null) wanted.pop();
      expect(names(file.columns)).toEqual(header);
      expect(file).toMatchObject({ rows: wanted.length, rejected: 0 });
      expect(await stage.values(file.no)).toEqual(wanted);
      await stage.stage.drop();
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 60) },
  );
});

test('of any text DuckDB reads the rows that were found, or the file is refused with a reason', async () => {
  const stage = await openStage();
  const part = fc.constantFrom('a', '1', ',', ',', '"', '\n', '\n', '\r\n', '\r', ' ', 'é', '""', '","');
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 30 }), async (parts) => {
      const text = `x,y\n1,2\n${parts.join('')}`;
      const file = await stage.content('a.csv', text, { delimiter: ',' });
      const values = await stage.values(file.no);
      expect(values).toHaveLength(file.rows);
      const rejected = await stage.rejects();
      expect(rejected).toHaveLength(file.rejected);
      // Every character that is no syntax is in a row or in a reject.
      const letters = (all: string) => all.replaceAll(/[^a1é]/g, '').length;
      expect(letters(JSON.stringify([values, rejected.map((row) => row['text'])]))).toBe(letters(parts.join('')) + 1);
      await stage.stage.drop();
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 60) },
  );
});
