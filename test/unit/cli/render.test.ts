import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeControls } from '../../../src/cli/render/cells.js';
import { csvField } from '../../../src/cli/render/csv.js';
import { markdownCell } from '../../../src/cli/render/markdown.js';
import type { RowStyle } from '../../../src/cli/render/row-types.js';
import { rowWriter } from '../../../src/cli/render/row-writer.js';
import { fitWidths, renderTable } from '../../../src/cli/render/table.js';
import { cutText, textWidth } from '../../../src/cli/render/text-width.js';
import type { Sink } from '../../../src/cli/sink.js';
import type { SqlRow, SqlValue } from '../../../src/duckdb/values.js';

function memorySink(): Sink & { text: string; longest: number } {
  return {
    text: '',
    longest: 0,
    closed: false,
    async write(text) {
      this.text += text;
      this.longest = Math.max(this.longest, text.length);
    },
    async end() {},
    async abort() {},
  };
}

const notes: string[] = [];
const plain: RowStyle = { width: undefined, color: false, note: (text) => notes.push(text) };
const COLUMNS = [
  { name: 'status', type: 'VARCHAR' },
  { name: 'files', type: 'BIGINT' },
];
const ROWS: SqlRow[] = [
  { status: 'INGESTED', files: 2010n },
  { status: null, files: 7n },
];

async function write(format: string, rows: readonly SqlRow[], columns = COLUMNS): Promise<string> {
  const sink = memorySink();
  const writer = rowWriter(format, sink, plain);
  await writer.begin(columns);
  for (const row of rows) await writer.rows([row]);
  await writer.end();
  return sink.text;
}

describe('formats', () => {
  it('table', async () => {
    expect(await write('table', ROWS)).toBe('status    files\n────────  ─────\nINGESTED   2010\nNULL          7\n');
    expect(await write('table', [])).toBe('status  files\n──────  ─────\n');
  });

  it('json', async () => {
    expect(await write('json', ROWS)).toBe('[\n{"status":"INGESTED","files":2010},\n{"status":null,"files":7}\n]\n');
    expect(JSON.parse(await write('json', []))).toEqual([]);
  });

  it('ndjson', async () => {
    expect(await write('ndjson', ROWS)).toBe('{"status":"INGESTED","files":2010}\n{"status":null,"files":7}\n');
    expect(await write('ndjson', [])).toBe('');
  });

  it('csv', async () => {
    expect(await write('csv', ROWS)).toBe('status,files\nINGESTED,2010\n,7\n');
    expect(await write('csv', [])).toBe('status,files\n');
  });

  it('markdown', async () => {
    expect(await write('markdown', ROWS)).toBe('| status | files |\n| --- | ---: |\n| INGESTED | 2010 |\n|  | 7 |\n');
  });
});

describe('json values', () => {
  const row = { a: 9007199254740993n, b: 9007199254740991n, c: Number.NaN, d: '1.50', e: [1n, null], f: { x: 2n } };
  const columns = Object.keys(row).map((name) => ({ name, type: 'VARCHAR' }));

  it.each(['json', 'ndjson'])('%s keeps every digit', async (format) => {
    const value = [JSON.parse(await write(format, [row], columns))].flat()[0];
    const expected = { a: '9007199254740993', b: 9007199254740991, c: 'NaN', d: '1.50', e: [1, null], f: { x: 2 } };
    expect(value).toEqual(expected);
  });

  it('has the columns in their order, also those named by numbers', async () => {
    const numbers = ['2', 'x', '1'].map((name) => ({ name, type: 'INTEGER' }));
    expect(await write('ndjson', [{ '1': 1, '2': 2, x: 3 }], numbers)).toBe('{"2":2,"x":3,"1":1}\n');
  });
});

/** A reader of RFC 4180, written from the text of the RFC, for the property below. */
function readCsv(text: string): (string | null)[][] {
  const records: (string | null)[][] = [[]];
  let at = 0;
  while (at < text.length) {
    let field: string | null = null;
    if (text[at] === '"') {
      field = '';
      at++;
      while (!(text[at] === '"' && text[at + 1] !== '"')) {
        field += text[at];
        at += text[at] === '"' ? 2 : 1;
      }
      at++;
    } else {
      const start = at;
      while (at < text.length && text[at] !== ',' && text[at] !== '\n') at++;
      if (at > start) field = text.slice(start, at);
    }
    records.at(-1)?.push(field);
    if (text[at] === '\n') records.push([]);
    at++;
  }
  return records.slice(0, -1);
}

describe('csv', () => {
  it('comes back as it was, NULL and empty text told apart', async () => {
    const field = fc.option(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ü', '\t', "'") }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1 }), async (rows) => {
        const columns = ['x', 'y'].map((name) => ({ name, type: 'VARCHAR' }));
        const text = await write(
          'csv',
          rows.map(([x, y]) => ({ x, y })),
          columns,
        );
        expect(readCsv(text).slice(1)).toEqual(rows);
      }),
    );
  });

  it('does not lose a row that is nothing but NULL: readers skip empty lines', async () => {
    expect(await write('csv', [{ status: null }], COLUMNS.slice(0, 1))).toBe('status\n""\n');
  });

  it.each<[SqlValue, string]>([
    [true, 'true'],
    [12345678901234567890n, '12345678901234567890'],
    [[1n, 'a'], '"[1,""a""]"'],
    [{ a: null }, '"{""a"":null}"'],
    [new Uint8Array([0, 255]), 'AP8='],
    [' padded ', '" padded "'],
  ])('writes %s as %s', (value, text) => {
    expect(csvField(value)).toBe(text);
  });
});

describe('streaming', () => {
  it.each(['json', 'ndjson', 'csv'])('%s never holds more than a chunk', async (format) => {
    const sink = memorySink();
    const writer = rowWriter(format, sink, plain);
    await writer.begin(COLUMNS);
    const chunk = Array.from({ length: 100 }, () => ({ status: 'x'.repeat(50), files: 1n }));
    for (let i = 0; i < 200; i++) await writer.rows(chunk);
    await writer.end();
    expect(sink.longest).toBeLessThan(100 * 100);
    expect(sink.text.length).toBeGreaterThan(200 * 100 * 50);
  });

  it('a table stops at 10,000 rows and says so', async () => {
    notes.length = 0;
    const sink = memorySink();
    const writer = rowWriter('table', sink, plain);
    await writer.begin(COLUMNS);
    const chunk = Array.from({ length: 3000 }, (_, i) => ({ status: 'a', files: BigInt(i) }));
    for (let i = 0; i < 4; i++) await writer.rows(chunk);
    await writer.end();
    expect(sink.text.trimEnd().split('\n')).toHaveLength(10_002);
    expect(notes).toEqual(['the first 10000 of 12000 rows; all of them: -o csv, -o ndjson or -o json']);
  });
});

describe('markdown cells', () => {
  it('cannot end a cell, begin HTML or format', () => {
    expect(markdownCell('a|b\nc<script>`x`*y*\\')).toBe('a\\|b<br>c&lt;script>\\`x\\`\\*y\\*\\\\');
    expect(markdownCell('&lt;')).toBe('&amp;lt;');
  });
});

describe('terminal safety', () => {
  it('shows control characters instead of obeying them', () => {
    expect(escapeControls('a\u001b[31mred\u0007\r\n\t\u009b')).toBe('a\\x1b[31mred\\x07\\r\\n\\t\\x9b');
    expect(escapeControls('\u202egpj.exe')).toBe('\\u202egpj.exe');
    expect(escapeControls('Zürich 東京 👍')).toBe('Zürich 東京 👍');
  });

  it('never lets a control character of a value or a column name into a table', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary', minLength: 1 }),
        async (value, name) => {
          const text = renderTable([{ name, type: 'VARCHAR' }], [{ [name]: value }], plain);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: the point of the test
          expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
          expect(text.split('\n')).toHaveLength(4);
        },
      ),
    );
  });
});

describe('colours', () => {
  const color: RowStyle = { ...plain, color: true };
  it('marks statuses and NULL only when asked', () => {
    const text = renderTable(COLUMNS, [{ status: 'FAILED', files: null }], color);
    expect(text).toContain('\u001b[31mFAILED');
    expect(text).toContain('\u001b[2m NULL');
    expect(renderTable(COLUMNS, [{ status: 'FAILED', files: null }], plain)).not.toContain('\u001b');
  });
});

describe('width', () => {
  it.each([
    ['abc', 3],
    ['東京', 4],
    ['e\u0301', 1],
    ['👍🏽', 2],
    ['👩‍👩‍👧', 2],
    ['ｆｕｌｌ', 8],
    ['', 0],
  ])('%s is %i columns wide', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  it('cuts on whole characters', () => {
    expect(cutText('abcdef', 4)).toBe('abc…');
    expect(cutText('東京都', 4)).toBe('東…');
    expect(cutText('abcd', 4)).toBe('abcd');
  });

  it('lines never are wider than the terminal', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '東', 'b', ' ', '👍'), maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 8, max: 120 }),
        (cells, width) => {
          const columns = ['a', 'b', 'c', 'd'].map((name) => ({ name, type: 'VARCHAR' }));
          const rows = cells.map(([a = '', b = '', c = '', d = '']) => ({ a, b, c, d }));
          const text = renderTable(columns, rows, { ...plain, width });
          for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  it('takes room from the widest columns and leaves out the last ones', () => {
    expect(fitWidths([10, 10], 80)).toEqual([10, 10]);
    expect(fitWidths([5, 50, 40], 60)).toEqual([5, 25, 25]);
    expect(fitWidths([30, 30, 30, 30], 40)).toHaveLength(4);
    expect(fitWidths([30, 30, 30, 30, 30], 40)).toHaveLength(4);
  });

  it('says which columns do not fit', () => {
    notes.length = 0;
    const columns = Array.from({ length: 10 }, (_, i) => ({ name: `column_${i}`, type: 'VARCHAR' }));
    renderTable(columns, [], { ...plain, width: 40 });
    expect(notes[0]).toMatch(/^6 columns do not fit: column_4, .*column_9; -o json shows them$/);
  });
});
