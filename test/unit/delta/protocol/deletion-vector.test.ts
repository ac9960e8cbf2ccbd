import { describe, expect, test } from 'vitest';
import {
  decodeDeletionVector,
  encodeDeletionVector,
  newVectorFile,
  vectorPlace,
} from '../../../../src/delta/protocol/deletion-vector.js';
import { hasRow, NO_ROWS, rowRanges, rowSet, rowsOf, unionRows } from '../../../../src/delta/protocol/row-set.js';
import { decodeZ85, encodeZ85 } from '../../../../src/delta/protocol/z85.js';

// PROTOCOL.md, "JSON Example 3 — Inline".
const INLINE = {
  storageType: 'i',
  pathOrInlineDv: 'wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L',
  sizeInBytes: 40,
  cardinality: 6,
};

function inlineBytes(): Uint8Array {
  const place = vectorPlace(INLINE, 't@1');
  return place.kind === 'inline' ? place.bytes : new Uint8Array();
}

describe('Z85', () => {
  test('the test case of its specification', () => {
    const bytes = Uint8Array.of(0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b);
    expect(encodeZ85(bytes)).toBe('HelloWorld');
    expect(decodeZ85('HelloWorld')).toEqual(bytes);
  });

  test.each(['Hello\u00e9orld', 'Hello', '####', '#####', 'a b c'])('%j is decoded whole or not at all', (text) => {
    const expected = text === 'Hello' ? 4 : undefined;
    expect(decodeZ85(text)?.length).toBe(expected);
  });
});

describe('descriptors', () => {
  test('the examples of the specification', () => {
    const relative = { ...INLINE, storageType: 'u', pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^', offset: 4 };
    expect(vectorPlace(relative, 't')).toEqual({
      kind: 'file',
      path: 'ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin',
      absolute: false,
      offset: 4,
    });
    const path = 's3://mytable/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin';
    expect(vectorPlace({ ...relative, storageType: 'p', pathOrInlineDv: path }, 't')).toEqual({
      kind: 'file',
      path,
      absolute: true,
      offset: 4,
    });
    expect([...rowsOf(decodeDeletionVector(inlineBytes(), 't'))]).toEqual([3, 4, 7, 11, 18, 29]);
  });

  test('a new file and its encoded name lead to each other', () => {
    const { path, encoded } = newVectorFile('d2c639aa-8816-431a-aaf6-d3fe2512ff61');
    expect(encoded).toBe('^-aqEH.-t@S}K{vb[*k^');
    expect(vectorPlace({ ...INLINE, storageType: 'u', pathOrInlineDv: encoded }, 't')).toMatchObject({ path });
  });

  test.each([
    [{ storageType: 'x' }, 'unknown storage type "x"'],
    [{ sizeInBytes: -1 }, 'deletionVector.sizeInBytes is -1'],
    [{ cardinality: 1.5 }, 'deletionVector.cardinality is 1.5'],
    [{ sizeInBytes: 44 }, 'of 44 bytes has 40'],
    [{ sizeInBytes: 36 }, 'of 36 bytes has 40'],
    [{ pathOrInlineDv: 'a b' }, 'not Z85'],
    [{ storageType: 'u', pathOrInlineDv: 'short' }, 'names no deletion vector file'],
  ])('%j is refused', (change, message) => {
    const parse = () => vectorPlace({ ...INLINE, ...change }, 'some/table@7');
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'DELTA_DELETION_VECTOR', place: 'some/table@7' }));
  });
});

describe('the format', () => {
  test('every form of container is written and read back, in buckets beyond 2^32 too', () => {
    const scattered = Array.from({ length: 10_000 }, (_, i) => 65_536 * 3 + i * 5 + (i % 3));
    const run = Array.from({ length: 70_000 }, (_, i) => 65_536 * 9 + i);
    const rows = rowSet([1, 5, 9, ...scattered, ...run, 2 ** 40, 2 ** 53 - 1]);
    expect(new Set(rows.containers.map(({ kind }) => kind))).toEqual(new Set(['array', 'bitmap', 'runs']));
    const read = decodeDeletionVector(encodeDeletionVector(rows), 't');
    expect(read.cardinality).toBe(3 + 10_000 + 70_000 + 2);
    expect([...rowsOf(read)]).toEqual([1, 5, 9, ...scattered, ...run, 2 ** 40, 2 ** 53 - 1]);
    expect(hasRow(read, 2 ** 40)).toBe(true);
    expect(hasRow(read, 2 ** 40 + 1)).toBe(false);
  });

  test('no row at all', () => {
    expect(decodeDeletionVector(encodeDeletionVector(NO_ROWS), 't')).toEqual(NO_ROWS);
  });

  test('a contiguous range is a handful of bytes, and one range', () => {
    const rows = rowSet(Array.from({ length: 1_000_000 }, (_, i) => i + 10));
    expect(encodeDeletionVector(rows).length).toBeLessThan(400);
    expect([...rowRanges(rows)]).toEqual([{ start: 10, end: 1_000_010 }]);
  });

  test('the union of sets', () => {
    const a = rowSet([1, 2, 3, 70_000]);
    const b = rowSet([3, 4, 200_000]);
    expect([...rowsOf(unionRows(a, b))]).toEqual([1, 2, 3, 4, 70_000, 200_000]);
    expect(unionRows(a, NO_ROWS).cardinality).toBe(4);
  });

  test('what is no row number cannot enter a set', () => {
    for (const row of [-1, 0.5, 2 ** 53]) expect(() => rowSet([row])).toThrow(RangeError);
  });
});

describe('damage is told', () => {
  const good = encodeDeletionVector(rowSet([1, 2, 3, 4, 5, 6, 7, 100, 70_000, 70_001]));

  test('every byte that is cut off', () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeDeletionVector(good.subarray(0, length), 'f@1')).toThrow(
        expect.objectContaining({ code: 'DELTA_DELETION_VECTOR', place: 'f@1' }),
      );
    }
    expect(() => decodeDeletionVector(Uint8Array.of(...good, 0), 'f@1')).toThrow('1 bytes follow its end');
  });

  test('a flipped bit is an error, or another set; never a crash or a hang', () => {
    for (let at = 0; at < good.length * 8; at++) {
      const bytes = Uint8Array.from(good);
      bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
      try {
        expect([...rowsOf(decodeDeletionVector(bytes, 'f'))].length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toMatchObject({ code: 'DELTA_DELETION_VECTOR' });
      }
    }
  });

  test('a header that claims more than there is allocates nothing', () => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32LE(1681511377);
    bytes.writeBigUInt64LE(2n ** 63n, 4);
    expect(() => decodeDeletionVector(bytes, 'f')).toThrow('more are missing');
  });

  test('another magic number', () => {
    const bytes = Buffer.from(good);
    bytes.writeUInt32LE(5);
    expect(() => decodeDeletionVector(bytes, 'f')).toThrow('starts with 5');
  });

  test('the older frame, in both byte orders, is read as strictly', () => {
    const old = Buffer.from(inlineBytes());
    expect(old.readUInt32BE()).toBe(1681511376);
    for (const at of [0, 4, 8]) old.writeUInt32LE(old.readUInt32BE(at), at);
    expect([...rowsOf(decodeDeletionVector(old, 'f'))]).toEqual([3, 4, 7, 11, 18, 29]);
    old.writeUInt32LE(27, 8);
    expect(() => decodeDeletionVector(old, 'f')).toThrow('has not the 27 bytes');
    old.writeUInt32LE(0, 4);
    expect(() => decodeDeletionVector(old, 'f')).toThrow('bytes follow its end');
  });

  test('values out of order', () => {
    const bytes = Buffer.from(encodeDeletionVector(rowSet([1, 5, 9])));
    bytes.writeUInt16LE(0, bytes.length - 2);
    expect(() => decodeDeletionVector(bytes, 'f')).toThrow('not in order');
  });
});
