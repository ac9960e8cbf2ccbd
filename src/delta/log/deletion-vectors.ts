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

/** Smaller files are read as a whole: a commit writes the vectors of all its data files into one. */
const WHOLE_FILE = 256 * 1024;
/** So many of them are kept at once. */
const KEPT_FILES = 32;

/** A file of deletion vectors: its length, and its bytes when it is small. */
interface VectorFile {
  readonly size: number;
  readonly bytes: Uint8Array | undefined;
}

async function openFile({ store, path }: StoredFile, place: string): Promise<VectorFile> {
  const meta = await store.findMeta(path);
  if (meta === undefined) throw damaged('the file of a deletion vector is missing', place);
  return { size: meta.size, bytes: meta.size > WHOLE_FILE ? undefined : await store.get(path) };
}

interface Block {
  readonly file: StoredFile;
  readonly offset: number;
  readonly size: number;
  readonly open: (place: string) => Promise<VectorFile>;
}

async function readBlock({ file, offset, size, open }: Block): Promise<Uint8Array> {
  const { store, path } = file;
  const place = `${store.location(path)}@${offset}`;
  const opened = await open(place);
  const end = offset + size + 8;
  if (end > opened.size) throw damaged(`the vector would end at byte ${end}, the file has ${opened.size}`, place);
  const range = async (from: number, to: number) =>
    opened.bytes?.subarray(from, to) ?? (await store.getRange(path, from, to));
  const [version] = await range(0, 1);
  if (version !== FILE_VERSION) throw damaged(`the file has version ${version}, known is ${FILE_VERSION}`, place);
  const block = await range(offset, end);
  if (block.length !== size + 8) throw damaged('the file is cut off', place);
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const stored = view.getUint32(0);
  if (stored !== size) throw damaged(`the vector has ${stored} bytes, the log says ${size}`, place);
  const data = block.subarray(4, 4 + size);
  if (crc32(data) !== view.getUint32(4 + size)) throw damaged('the checksum of the vector does not fit', place);
  return data;
}

/** Reads one deletion vector; `place` names the data file, for messages. */
export type VectorReader = (descriptor: DeletionVector, place?: string) => Promise<RowSet>;

/**
 * A reader for the deletion vectors of many data files of one version: a small file with many of them is read once. Its calls throw
 * what `readDeletionVector` throws.
 */
export function vectorReader(store: ObjectStore): VectorReader {
  const kept = new Map<string, VectorFile>();
  const openKept = async (file: StoredFile, place: string): Promise<VectorFile> => {
    const key = file.store.location(file.path);
    const opened = kept.get(key) ?? (await openFile(file, place));
    // The one that was used last is the last in the map.
    kept.delete(key);
    kept.set(key, opened);
    const [oldest] = kept.keys();
    if (kept.size > KEPT_FILES && oldest !== undefined) kept.delete(oldest);
    return opened;
  };
  return async (descriptor, place = store.root) => {
    const at = vectorPlace(descriptor, place);
    let bytes: Uint8Array;
    let source = `${place}, inline`;
    if (at.kind === 'inline') bytes = at.bytes;
    else {
      // Byte 0 of a file is its version: an absent offset means the first vector.
      const offset = Math.max(at.offset, 1);
      const file = at.absolute ? dataFile(store, at.path) : { store, path: at.path };
      source = `${file.store.location(file.path)}@${offset}`;
      const open = (where: string) => openKept(file, where);
      bytes = await readBlock({ file, offset, size: descriptor.sizeInBytes, open });
    }
    const rows = decodeDeletionVector(bytes, source);
    if (rows.cardinality !== descriptor.cardinality) {
      throw damaged(`the vector holds ${rows.cardinality} rows, the log says ${descriptor.cardinality}`, source);
    }
    return rows;
  };
}

/**
 * The rows that a deletion vector invalidates (PROTOCOL.md, "Deletion Vectors"). Throws `DELTA_DELETION_VECTOR` naming file and offset when
 * it is missing, damaged, or does not have the cardinality of its descriptor. `place` names the data file, for messages.
 */
export function readDeletionVector(store: ObjectStore, descriptor: DeletionVector, place?: string): Promise<RowSet> {
  return vectorReader(store)(descriptor, place);
}
