import { LakeError, messageOf } from '../../base/lake-error.js';
import type { DeletionVector } from './actions.js';
import { decodeRoaring64, decodeRoaringArray, encodeRoaring64 } from './roaring.js';
import type { RowSet } from './row-set.js';
import { decodeZ85, encodeZ85 } from './z85.js';

/** First four bytes of a vector, little-endian: the "portable" 64-bit roaring bitmap follows. */
const MAGIC = 1681511377;
/** First four bytes, in either order, of the older frame; see `decodeRoaringArray`. */
const OLD_MAGIC = MAGIC - 1;
const UUID_LENGTH = 20;

/** Where a vector is stored: in the log itself, or in a file. An absolute path is as in the log; a relative one starts at the table's folder. */
export type VectorPlace =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string; readonly absolute: boolean; readonly offset: number };

function vectorError(message: string, place: string): LakeError {
  return new LakeError('DELTA_DELETION_VECTOR', message, {
    place,
    hint: 'without it the deleted rows of a data file are unknown; restore the file from a backup, or the table to an older version',
  });
}

/**
 * Where the vector of a descriptor is (PROTOCOL.md, "Deletion Vector Descriptor Schema"). Throws `DELTA_DELETION_VECTOR` for a descriptor
 * that cannot be one.
 */
export function vectorPlace(descriptor: DeletionVector, place: string): VectorPlace {
  const { storageType, pathOrInlineDv: text, sizeInBytes, cardinality } = descriptor;
  const offset = descriptor.offset ?? 0;
  for (const [name, value] of Object.entries({ sizeInBytes, cardinality, offset })) {
    if (!Number.isSafeInteger(value) || value < 0) throw vectorError(`deletionVector.${name} is ${value}`, place);
  }
  if (typeof text !== 'string') throw vectorError('deletionVector.pathOrInlineDv is no text', place);
  switch (storageType) {
    case 'i': {
      const bytes = decodeZ85(text);
      if (bytes === undefined) throw vectorError('the inline deletion vector is not Z85 text', place);
      if (bytes.length - sizeInBytes < 0 || bytes.length - sizeInBytes > 3)
        throw vectorError(`an inline deletion vector of ${sizeInBytes} bytes has ${bytes.length}`, place);
      return { kind: 'inline', bytes: bytes.subarray(0, sizeInBytes) };
    }
    case 'u':
      return { kind: 'file', path: vectorPath(text, place), absolute: false, offset };
    case 'p':
      return { kind: 'file', path: text, absolute: true, offset };
    default:
      throw vectorError(`a deletion vector has the unknown storage type ${JSON.stringify(storageType)}`, place);
  }
}

function vectorPath(text: string, place: string): string {
  const uuid = decodeZ85(text.slice(-UUID_LENGTH));
  if (text.length < UUID_LENGTH || uuid === undefined)
    throw vectorError(`"${text}" names no deletion vector file`, place);
  const prefix = text.slice(0, -UUID_LENGTH);
  const name = vectorFileName(Buffer.from(uuid).toString('hex'));
  return prefix === '' ? name : `${prefix}/${name}`;
}

function vectorFileName(hex: string): string {
  return `deletion_vector_${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}.bin`;
}

/** The file of a UUID (canonical text) and what a descriptor of storage type `u` calls it. */
export function newVectorFile(uuid: string): { readonly path: string; readonly encoded: string } {
  const hex = uuid.replaceAll('-', '').toLowerCase();
  return { path: vectorFileName(hex), encoded: encodeZ85(Buffer.from(hex, 'hex')) };
}

/**
 * The rows of a serialised vector (PROTOCOL.md, "Deletion Vector Format"). Strict: throws `DELTA_DELETION_VECTOR` unless `bytes` are one whole
 * vector in canonical order. Memory stays in proportion to `bytes`.
 */
export function decodeDeletionVector(bytes: Uint8Array, place: string): RowSet {
  if (bytes.length < 4) throw vectorError(`a deletion vector of ${bytes.length} bytes is cut off`, place);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, true);
  const bitmap = bytes.subarray(4);
  try {
    if (magic === MAGIC) return decodeRoaring64(bitmap);
    if (magic === OLD_MAGIC) return decodeRoaringArray(bitmap, true);
    if (view.getUint32(0) === OLD_MAGIC) return decodeRoaringArray(bitmap, false);
  } catch (error) {
    throw vectorError(`the deletion vector is damaged: ${messageOf(error)}`, place);
  }
  throw vectorError(`no deletion vector: it starts with ${magic} instead of ${MAGIC}`, place);
}

/** The serialised form of a set of rows: the magic number and a portable 64-bit roaring bitmap. */
export function encodeDeletionVector(rows: RowSet): Uint8Array {
  const bitmap = encodeRoaring64(rows);
  const bytes = new Uint8Array(4 + bitmap.length);
  new DataView(bytes.buffer).setUint32(0, MAGIC, true);
  bytes.set(bitmap, 4);
  return bytes;
}
