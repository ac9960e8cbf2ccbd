import fc from 'fast-check';
import { RoaringBitmap32, roaringLibraryInitialize } from 'roaring-wasm';
import { beforeAll, expect, test } from 'vitest';
import { decodeDeletionVector, encodeDeletionVector } from '../../../src/delta/protocol/deletion-vector.js';
import { rowSet, rowsOf, unionRows } from '../../../src/delta/protocol/row-set.js';

beforeAll(() => roaringLibraryInitialize());

/** Single rows and stretches of rows below 2^32, so that all forms of containers occur. */
const rows = fc
  .array(
    fc.record({
      start: fc.oneof(fc.nat(300_000), fc.nat(2 ** 32 - 20_000)),
      count: fc.oneof(fc.constant(1), fc.nat(9000)),
      step: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 20 })),
    }),
    { maxLength: 20 },
  )
  .map((parts) => parts.flatMap(({ start, count, step }) => Array.from({ length: count }, (_, i) => start + i * step)))
  .map((all) => all.filter((row) => row < 2 ** 32));

/** Magic number, one bucket with key 0, and the 32-bit bitmap. */
function vectorOf(bitmap: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(1681511377);
  bytes.writeBigUInt64LE(1n, 4);
  return Buffer.concat([bytes, bitmap]);
}

test('another implementation reads what is written here, and the reverse', () => {
  fc.assert(
    fc.property(rows, fc.boolean(), (values, optimize) => {
      const theirs = new RoaringBitmap32(values);
      try {
        if (optimize) theirs.runOptimize();
        const read = decodeDeletionVector(vectorOf(theirs.serialize('portable')), 'f');
        const sorted = theirs.toArray();
        expect([...rowsOf(read)]).toEqual(sorted);
        if (values.length === 0) return;
        const written = encodeDeletionVector(rowSet(values));
        const back = RoaringBitmap32.deserialize('portable', written.subarray(16));
        expect(back.isEqual(theirs)).toBe(true);
        back.dispose();
      } finally {
        theirs.dispose();
      }
    }),
    { numRuns: 150 },
  );
});

test('a union holds what one of its sets holds', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const expected = [...new Set([...a, ...b])].sort((x, y) => x - y);
      expect([...rowsOf(unionRows(rowSet(a), rowSet(b)))]).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test('bytes changed anywhere give an error or a set, quickly', () => {
  fc.assert(
    fc.property(rows, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), (values, changes) => {
      const bytes = encodeDeletionVector(rowSet(values));
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      try {
        expect(decodeDeletionVector(bytes, 'f').cardinality).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toMatchObject({ code: 'DELTA_DELETION_VECTOR' });
      }
    }),
    { numRuns: 200 },
  );
});
