import { crc32 } from 'node:zlib';
import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { DeletionVector } from '../protocol/actions.js';
import { decodeDeletionVector, vectorPlace } from '../protocol/deletion-vector.js';
import type { RowSet } from '../protocol/row-set.js';
import { dataFile, type StoredFile } from './data-location.js';

const FILE_VERSION = 1;

function damaged(message: string, place: string): LakeError {
  const hint =
    'restore the file from a backup, or the table to an older version; without it, deleted rows would come back';
  return new LakeError('DELTA_DELETION_VECTOR', message, { place, hint });
}

async function readBlock({ store, path }: StoredFile, offset: number, size: number): Promise<Uint8Array> {
  const place = `${store.location(path)}@${offset}`;
  const meta = await store.findMeta(path);
  if (meta === undefined) throw damaged('the file of a deletion vector is missing', place);
  const end = offset + size + 8;
  if (end > meta.size) throw damaged(`the vector would end at byte ${end}, the file has ${meta.size}`, place);
  const [version] = await store.getRange(path, 0, 1);
  if (version !== FILE_VERSION) throw damaged(`the file has version ${version}, known is ${FILE_VERSION}`, place);
  const block = await store.getRange(path, offset, end);
  if (block.length !== size + 8) throw damaged('the file is cut off', place);
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const stored = view.getUint32(0);
  if (stored !== size) throw damaged(`the vector has ${stored} bytes, the log says ${size}`, place);
  const data = block.subarray(4, 4 + size);
  if (crc32(data) !== view.getUint32(4 + size)) throw damaged('the checksum of the vector does not fit', place);
  return data;
}

/**
 * The rows that a deletion vector invalidates (PROTOCOL.md, "Deletion Vectors"). Throws `DELTA_DELETION_VECTOR` naming file and offset when
 * it is missing, damaged, or does not have the cardinality of its descriptor. `place` names the data file, for messages.
 */
export async function readDeletionVector(
  store: ObjectStore,
  descriptor: DeletionVector,
  place: string = store.root,
): Promise<RowSet> {
  const at = vectorPlace(descriptor, place);
  let bytes: Uint8Array;
  let source = `${place}, inline`;
  if (at.kind === 'inline') bytes = at.bytes;
  else {
    // Byte 0 of a file is its version: an absent offset means the first vector.
    const offset = Math.max(at.offset, 1);
    const file = at.absolute ? dataFile(store, at.path) : { store, path: at.path };
    source = `${file.store.location(file.path)}@${offset}`;
    bytes = await readBlock(file, offset, descriptor.sizeInBytes);
  }
  const rows = decodeDeletionVector(bytes, source);
  if (rows.cardinality !== descriptor.cardinality) {
    throw damaged(`the vector holds ${rows.cardinality} rows, the log says ${descriptor.cardinality}`, source);
  }
  return rows;
}
