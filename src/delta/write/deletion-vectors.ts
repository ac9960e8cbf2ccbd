import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { DeletionVector } from '../protocol/actions.js';
import { encodeDeletionVector, newVectorFile } from '../protocol/deletion-vector.js';
import type { RowSet } from '../protocol/row-set.js';

/**
 * Writes one file with all the vectors of a commit into the table's folder, durably, and returns their descriptors in the same order
 * (PROTOCOL.md, "Deletion Vector File Storage Format"). Nothing is written for no sets; an empty set is an error of the caller.
 */
export async function writeDeletionVectors(
  store: ObjectStore,
  sets: readonly RowSet[],
  newUuid: () => string = randomUUID,
): Promise<DeletionVector[]> {
  if (sets.length === 0) return [];
  const { path, encoded } = newVectorFile(newUuid());
  const parts: Uint8Array[] = [Uint8Array.of(1)];
  let offset = 1;
  const descriptors = sets.map((set) => {
    if (set.cardinality === 0) throw new RangeError('a deletion vector deletes at least one row');
    const data = encodeDeletionVector(set);
    const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)];
    head.writeUInt32BE(data.length);
    tail.writeUInt32BE(crc32(data));
    parts.push(head, data, tail);
    const descriptor: DeletionVector = {
      storageType: 'u',
      pathOrInlineDv: encoded,
      offset,
      sizeInBytes: data.length,
      cardinality: set.cardinality,
    };
    offset += data.length + 8;
    return descriptor;
  });
  if (!(await store.putIfAbsent(path, Buffer.concat(parts)))) {
    throw new LakeError('STORAGE', 'a file with a new random name is already there', { place: store.location(path) });
  }
  return descriptors;
}
