import { describe, expect, it } from 'vitest';
import { type JsonItem, JsonSplitter, type JsonSplitterOptions } from '../../../src/base/json-scanner.js';

function split(text: string, size = Number.MAX_SAFE_INTEGER, options: JsonSplitterOptions = {}): JsonItem[] {
  const bytes = Buffer.from(text);
  const splitter = new JsonSplitter(options);
  const items: JsonItem[] = [];
  for (let i = 0; i < bytes.length; i += size) items.push(...splitter.push(Buffer.from(bytes.subarray(i, i + size))));
  return [...items, ...splitter.end()];
}

const shape = (items: JsonItem[]) => items.map((i) => [i.line, 'problem' in i ? `! ${i.problem}` : i.text]);

const CASES: Record<string, [text: string, items: [number, string][]]> = {
  'NDJSON with CRLF and a cut last line': [
    '{"a":1}\r\n\r\n{"b":"x',
    [
      [1, '{"a":1}'],
      [3, '! the input ends inside this value'],
    ],
  ],
  'an array on one line': [
    '[{"a":1},{"a":[2,{"x":"]\\"}"}]},3,"q,]",null]',
    [
      [1, '{"a":1}'],
      [1, '{"a":[2,{"x":"]\\"}"}]}'],
      [1, '3'],
      [1, '"q,]"'],
      [1, 'null'],
    ],
  ],
  'a pretty-printed array': [
    '[\n  {"a":1},\n  {"a":\n   2}\n]\n',
    [
      [2, '{"a":1}'],
      [3, '{"a":\n   2}'],
    ],
  ],
  'pretty-printed objects': [
    '{\n "o": [\n  {"x":1}\n ]\n}\n{"b":2}',
    [
      [1, '{\n "o": [\n  {"x":1}\n ]\n}'],
      [6, '{"b":2}'],
    ],
  ],
  'objects without indentation': ['{\n"o": [\n{"x":1},\n{"y":2}\n]\n}\n', [[1, '{\n"o": [\n{"x":1},\n{"y":2}\n]\n}']]],
  'concatenated objects': [
    '{"a":1}{"b":2} {"c":\n3}',
    [
      [1, '{"a":1}'],
      [1, '{"b":2}'],
      [1, '{"c":\n3}'],
    ],
  ],
  'a line cut after a comma': [
    '{"a":1,\n{"a":2}\n',
    [
      [1, '! the value is not closed before the next one starts'],
      [2, '{"a":2}'],
    ],
  ],
  'a line cut after a colon': [
    '{"a":\n{"a":2}\n{"a":3}\n',
    [
      [1, '! the value is not closed before the next one starts'],
      [2, '{"a":2}'],
      [3, '{"a":3}'],
    ],
  ],
  'a line cut in a string': [
    '{"a":"x\n{"a":2}\n',
    [
      [1, '! a string is not closed on its line'],
      [2, '{"a":2}'],
    ],
  ],
  'an array with a broken line': [
    '[\n {"a":"x},\n {"a":2}\n]\n{"b":1}',
    [
      [2, '! a string is not closed on its line'],
      [3, '{"a":2}'],
      [5, '{"b":1}'],
    ],
  ],
  'commas that are missing or too many': [
    '[{"a":1}{"b":2},,3,]',
    [
      [1, '{"a":1}'],
      [1, '! "," is missing between two array elements'],
      [1, '{"b":2}'],
      [1, '! an array element is missing before ","'],
      [1, '3'],
      [1, '! an array element is missing before "]"'],
    ],
  ],
  'an array that ends early': [
    '[{"a":1}',
    [
      [1, '{"a":1}'],
      [1, '! the JSON array that starts here is not closed'],
    ],
  ],
  'an array that ends in an element': [
    '[1,\n{"a":',
    [
      [1, '1'],
      [2, '! the input ends inside this value'],
    ],
  ],
  'empty things': [' \n\t[ ]\n', []],
  'byte order marks': [
    '\ufeff{"a":1}\n\ufeff{"b":2}',
    [
      [1, '{"a":1}'],
      [2, '{"b":2}'],
    ],
  ],
};

describe('JsonSplitter', () => {
  for (const [name, [text, items]] of Object.entries(CASES)) {
    it(`reads ${name}, wherever the bytes are cut`, () => {
      expect(shape(split(text))).toEqual(items);
      const bytes = Buffer.byteLength(text);
      for (let size = 1; size <= bytes; size++) expect(split(text, size)).toEqual(split(text));
      for (let at = 0; at <= bytes; at++) {
        const splitter = new JsonSplitter();
        const [a, b] = [Buffer.from(text).subarray(0, at), Buffer.from(text).subarray(at)];
        expect([...splitter.push(a), ...splitter.push(b), ...splitter.end()]).toEqual(split(text));
      }
    });
  }

  it('tells what is no JSON, with its line, and goes on', () => {
    const items = split('x,y\n{"a":tru}\nnull\n{"ok":1}}\n{"b":2}');
    expect(items.map((i) => [i.line, 'problem' in i])).toEqual([
      [1, true],
      [2, true],
      [3, false],
      [4, false],
      [4, true],
      [5, false],
    ]);
  });

  it('refuses bytes that are not UTF-8, and takes a real replacement character', () => {
    const splitter = new JsonSplitter();
    const bad = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xe9]), Buffer.from('"}\n{"a":"\ufffd"}\n')]);
    const items = [...splitter.push(bad), ...splitter.end()];
    expect(items[0]).toMatchObject({ problem: 'the text is not valid UTF-8' });
    expect(items[1]).toMatchObject({ value: { a: '\ufffd' } });
  });

  it('gives up a value above the limit, keeps the start of its text, and goes on with the next line', () => {
    const text = `{"a":1}\n{"long":"${'y'.repeat(500)}"}\n{"b":2}\n`;
    const limits = { maxBytes: 100, keepBytes: 20 };
    const items = split(text, 7, limits);
    expect(shape(items).map(([line]) => line)).toEqual([1, 2, 3]);
    expect(items[1]).toMatchObject({ problem: expect.stringContaining('longer than') });
    expect(items[1]?.text).toHaveLength(20);
    for (let size = 1; size < text.length; size++) expect(split(text, size, limits)).toEqual(items);
  });

  it('refuses nesting that would take quadratic time or the stack', () => {
    const items = split(`${'{"a":['.repeat(5000)}\n{"b":1}\n`);
    expect(shape(items)).toEqual([
      [1, expect.stringMatching(/^! /)],
      [2, '{"b":1}'],
    ]);
  });
});
