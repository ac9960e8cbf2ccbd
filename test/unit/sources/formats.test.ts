import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldsOf } from '../../../src/sources/formats/csv-dialect.js';
import { CsvScanner } from '../../../src/sources/formats/csv-scanner.js';
import { decoderFor, encodingOfHead } from '../../../src/sources/formats/decoders.js';
import { partsOf, valueText } from '../../../src/sources/formats/json-text.js';
import { XxHash64 } from '../../../src/sources/formats/xxhash64.js';

/** Bytes cut into pieces at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}

const places = fc.array(fc.nat(), { maxLength: 6 });

describe('CsvScanner', () => {
  function scan(pieces: readonly Buffer[], escaper = 34): unknown[] {
    const dialect = { delimiter: 44, quote: 34, escaper };
    const found: unknown[] = [];
    const scanner = new CsvScanner(dialect, (record) => {
      const { bytes, start, end, next, line, fields, problem, problemField } = record;
      const values = problem === null ? fieldsOf(record, dialect) : [];
      expect(problem === null ? values.length : fields).toBe(fields);
      found.push([
        bytes.toString('latin1', start, next),
        end - start,
        line,
        fields,
        problem,
        problem && problemField,
        values,
      ]);
    });
    for (const piece of pieces) scanner.push(piece);
    scanner.end();
    return found;
  }

  test('finds the same records wherever the text is cut, and all of the text', () => {
    const text = fc
      .array(fc.constantFrom('a', ',', '"', '\n', '\r', '\\', ' ', 'é'), { maxLength: 40 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, places, fc.constantFrom(34, 92), (content, cuts, escaper) => {
        const bytes = Buffer.from(content);
        const records = scan([bytes], escaper);
        expect(scan(cut(bytes, cuts), escaper)).toEqual(records);
        expect(records.map((record) => (record as string[])[0]).join('')).toBe(bytes.toString('latin1'));
      }),
      { numRuns: 500 },
    );
  });

  test('counts lines, also within quotes', () => {
    const records = scan([Buffer.from('a,"b\r\nc\rd\ne"\r\nf\rg\nh"i\n"j"k\nl')]) as unknown[][];
    expect(records.map(([, , line, fields, problem]) => [line, fields, problem])).toEqual([
      [1, 2, null],
      [5, 1, null],
      [6, 1, null],
      [7, 1, null],
      [8, 1, 'text follows the closing quote of a field'],
      [9, 1, null],
    ]);
  });
});

describe('decoders', () => {
  test.each(['utf-8', 'utf-16le', 'utf-16be', 'latin1', 'windows-1252', 'shift_jis'])(
    '%s: the same wherever it is cut',
    (encoding) => {
      const text = encoding === 'latin1' || encoding === 'windows-1252' ? 'àé\xa0ÿ x' : '日本 x';
      const wide = Buffer.from(text, 'utf16le');
      const bytes: Record<string, Buffer> = {
        'utf-8': Buffer.from(`\ufeff${text}😀`),
        'utf-16le': wide,
        'utf-16be': Buffer.from(wide).swap16(),
        shift_jis: Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x20, 0x78]),
      };
      const wanted = encoding === 'utf-8' ? `${text}😀` : text;
      fc.assert(
        fc.property(places, (cuts) => {
          const decoder = decoderFor(encoding);
          const parts = cut(bytes[encoding] ?? Buffer.from(text, 'latin1'), cuts).map((piece) => decoder.push(piece));
          expect(Buffer.concat([...parts, decoder.end()]).toString()).toBe(wanted);
        }),
      );
    },
  );

  test('windows-1252 has its own meaning for 0x80 to 0x9f, and none for five of them', () => {
    const decode = (byte: number) =>
      decoderFor('windows-1252')
        .push(Buffer.from([byte]))
        .toString();
    expect([0x80, 0x85, 0x92, 0x9f, 0xe9].map(decode)).toEqual(['€', '…', '’', 'Ÿ', 'é']);
    for (const byte of [0x81, 0x8d, 0x8f, 0x90, 0x9d]) expect(() => decode(byte)).toThrow();
  });

  test.each([
    ['a cut character', Buffer.from('é').subarray(0, 1)],
    ['an overlong one', Buffer.from([0xc0, 0xaf])],
    ['half a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
  ])('UTF-8 refuses %s', (_, bytes) => {
    const decoder = decoderFor('utf-8');
    expect(() => [decoder.push(bytes), decoder.end()]).toThrow();
  });

  test('a few zero bytes are no UTF-16', () => {
    expect(encodingOfHead(Buffer.from('a,b\n\0,1\n'))).toBe('utf-8');
    expect(encodingOfHead(Buffer.from(''))).toBe('utf-8');
  });
});

test('the parts of any JSON value are found where they stand', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      if (typeof value !== 'object' || value === null) return;
      const parts = partsOf(text);
      expect(parts.map(({ key }) => key)).toEqual(Array.isArray(value) ? value.map(() => '') : Object.keys(value));
      for (const [i, part] of parts.entries()) {
        const wanted = Object.values(value)[i];
        // JSON has no -0.
        expect(JSON.parse(text.slice(part.from, part.to))).toEqual(JSON.parse(JSON.stringify(wanted)));
        const found = valueText(text, part);
        expect(found).toBe(typeof wanted === 'string' || wanted === null ? wanted : JSON.stringify(wanted));
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['', 0xef46db3751d8e999n],
  ['a', 0xd24ec4f1a98c6e5bn],
  ['abc', 0x44bc2cf5ad770999n],
  ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
])('XXH64 of %j', (text, hash) => {
  for (const size of [1, 7, 32, 100]) {
    const sum = new XxHash64();
    for (let at = 0; at < text.length; at += size) sum.update(Buffer.from(text.slice(at, at + size)));
    expect(sum.digest()).toBe(hash);
  }
});
