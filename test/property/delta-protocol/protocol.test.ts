import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberText, parseExactJson, renderExactJson } from '../../../src/delta/protocol/exact-json.js';
import { decodePath, encodePath, isAbsolutePath, resolveDataPath } from '../../../src/delta/protocol/paths.js';
import { parsePlanFilters } from '../../../src/delta/protocol/plan-filters.js';
import { type DeltaType, parseSchema, serializeSchema } from '../../../src/delta/protocol/schema.js';
import { parseStats, truncateMax, truncateMin } from '../../../src/delta/protocol/stats.js';
import { formatDate, formatTimestamp, parseDate, parseTimestamp } from '../../../src/delta/protocol/time-text.js';

/** Characters at the edges of the encodings, few enough to meet each other. */
const edgeText = (maxLength: number) =>
  fc
    .array(
      fc.constantFrom(
        'a',
        'p',
        '\u0000',
        '\u007e',
        '\u007f',
        'é',
        '\ud7ff',
        '\ue000',
        '\uffff',
        '\u{10000}',
        '\u{10ffff}',
      ),
      { maxLength },
    )
    .map((c) => c.join(''));
const bytes = (text: string) => Buffer.from(text);

test('cut bounds enclose the text in the order of UTF-8 bytes, and split no character', () => {
  fc.assert(
    fc.property(edgeText(80), fc.integer({ min: 1, max: 40 }), (text, length) => {
      const min = truncateMin(text, length)!;
      expect(text.startsWith(min)).toBe(true);
      expect(bytes(min).toString()).toBe(min);
      const max = truncateMax(text, length);
      if (max === undefined) return;
      expect(bytes(max).toString()).toBe(max);
      expect(Buffer.compare(bytes(text), bytes(max))).toBeLessThanOrEqual(0);
    }),
    { numRuns: 2000 },
  );
});

test('a path decodes to the name that was encoded and is never absolute', () => {
  const name = fc
    .oneof(fc.string({ unit: 'binary', minLength: 1 }), edgeText(10), fc.stringMatching(/^[a-z:%/=25 #?]+$/))
    .filter((text) => text !== '' && !text.startsWith('/'));
  fc.assert(
    fc.property(name, (text) => {
      const path = encodePath(text);
      expect(decodePath(path)).toBe(text);
      expect(isAbsolutePath(path)).toBe(false);
      expect(resolveDataPath('/t', path)).toBe(`/t/${text}`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
      expect(path).not.toMatch(/[\u0000-\u0020"<>#?^`{|}\\]/);
    }),
  );
});

test('JSON text survives exactly, whatever its numbers', () => {
  const number = fc.oneof(
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc.stringMatching(/^-?[1-9]\d{0,20}\.\d{1,20}$/),
    fc.integer().map(String),
  );
  const value = fc.oneof(
    number,
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom('null', 'true', '""'),
  );
  const document = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      value,
      fc.array(tie('node')).map((items) => `[${items.join(',')}]`),
      fc.uniqueArray(fc.tuple(fc.string(), tie('node')), { selector: ([key]) => key }).map((members) => {
        // JavaScript reorders keys that are whole numbers.
        const kept = members.filter(([key]) => !/^\d+$/.test(key));
        return `{${kept.map(([key, member]) => `${JSON.stringify(key)}:${member}`).join(',')}}`;
      }),
    ),
  })).node;
  const shortNumber = /-?\d+\.\d+/g;
  const trimmed = (text: string) => text.replaceAll(shortNumber, (n) => n.replace(/\.?0+$/, ''));
  fc.assert(
    fc.property(document, (text) => {
      expect(trimmed(renderExactJson(parseExactJson(text)))).toBe(trimmed(text));
    }),
  );
  fc.assert(
    fc.property(fc.bigInt(), (n) => {
      expect(numberText(parseExactJson(String(n)))).toBe(String(n));
    }),
  );
});

test('days and instants survive their text', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 3_000_000 }), (days) => {
      expect(parseDate(formatDate(days))).toBe(days);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 18n }), (micros) => {
      expect(parseTimestamp(formatTimestamp(micros, ' ', 6))?.micros).toBe(micros);
      const cut = parseTimestamp(`${formatTimestamp(micros, 'T', 3)}Z`)!.micros;
      expect(cut <= micros && micros - cut < 1000n).toBe(true);
    }),
  );
});

test('schemas survive their text', () => {
  const name = fc.constantFrom('string', 'long', 'decimal(38,10)', 'timestamp_ntz', 'binary');
  const type = fc.letrec<{ type: DeltaType }>((tie) => ({
    type: fc.oneof(
      { depthSize: 'small' },
      name.map((n) => ({ kind: 'primitive', name: n }) as DeltaType),
      fc.record({ kind: fc.constant('array' as const), element: tie('type'), containsNull: fc.boolean() }),
      fc.record({
        kind: fc.constant('map' as const),
        key: tie('type'),
        value: tie('type'),
        valueContainsNull: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('struct' as const),
        fields: fc.uniqueArray(
          fc.record({
            name: fc.string({ minLength: 1 }),
            type: tie('type'),
            nullable: fc.boolean(),
            metadata: fc.dictionary(fc.string(), fc.string()),
          }),
          { selector: (field) => field.name.toLowerCase() },
        ),
      }),
    ),
  })).type;
  fc.assert(
    fc.property(type, (t) => {
      const text = serializeSchema({ fields: [{ name: 'c', type: t, nullable: true, metadata: {} }] });
      expect(parseSchema(text).fields[0]?.type).toEqual(t);
      expect(serializeSchema(parseSchema(text))).toBe(text);
    }),
  );
});

test('no text makes a parser throw or hang', () => {
  const columns = parseSchema(
    '{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":{}},{"name":"b","type":"string","nullable":true,"metadata":{}}]}',
  ).fields;
  const piece = fc.constantFrom(
    'a',
    'b',
    '>',
    "'",
    "''",
    '(',
    ')',
    ' AND ',
    ' OR ',
    'NOT ',
    'NULL',
    ' IN (',
    ', ',
    '5',
    '::DATE',
    ' IS NULL',
    'CAST(',
    ' AS ',
    'optional: ',
    "'x'",
    '=',
    ' = ',
    'struct_extract(',
  );
  const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 3 }), (filters) => void parsePlanFilters(filters, columns)),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (stats) => void parseStats(stats)));
});
