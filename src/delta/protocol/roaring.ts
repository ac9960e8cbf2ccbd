import { BLOCK, bitCount, type Container, MAX_ARRAY, type RowSet, rowSetOf, WORDS } from './row-set.js';

/** Cookies of the 32-bit roaring format: without and with run containers. */
const NO_RUNS = 12346;
const WITH_RUNS = 12347;
/** With fewer containers the form with runs has no table of offsets. */
const OFFSETS_FROM = 4;
const BITMAP_BYTES = WORDS * 4;
/** A key is the upper half of a row number, which stays below 2^53. */
const MAX_KEY = 2 ** 21 - 1;

/** Reads little-endian numbers and throws `RangeError` where the bytes end too early. */
class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#view.byteLength - this.#at;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(littleEndian = true): number {
    return this.#view.getUint32(this.#take(4), littleEndian);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  u16s(count: number): Uint16Array {
    const start = this.#take(count * 2);
    return Uint16Array.from({ length: count }, (_, i) => this.#view.getUint16(start + i * 2, true));
  }

  u32s(count: number): Uint32Array {
    const start = this.#take(count * 4);
    return Uint32Array.from({ length: count }, (_, i) => this.#view.getUint32(start + i * 4, true));
  }

  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, count);
  }

  #take(count: number): number {
    if (count > this.left) throw new RangeError(`it ends at byte ${this.#view.byteLength}, ${count} more are missing`);
    const start = this.#at;
    this.#at += count;
    return start;
  }
}

function check(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new RangeError(problem);
}

/**
 * The set in a "portable" serialised 64-bit roaring bitmap. Throws `RangeError` unless `bytes` are exactly one, with sorted keys and values
 * and true counts and offsets. Allocates no more than a small multiple of `bytes`.
 */
export function decodeRoaring64(bytes: Uint8Array): RowSet {
  const reader = new Reader(bytes);
  const buckets = reader.u64();
  const containers: Container[] = [];
  let last = -1;
  for (let i = 0n; i < buckets; i++) {
    const key = reader.u32();
    check(key > last && key <= MAX_KEY, `bucket ${i} has the key ${key}`);
    last = key;
    for (const container of decodeRoaring32(reader, key * BLOCK)) containers.push(container);
  }
  check(reader.left === 0, `${reader.left} bytes follow its end`);
  return rowSetOf(containers);
}

interface Header {
  readonly key: number;
  readonly count: number;
  readonly isRun: boolean;
}

/**
 * The set in the frame that Delta's tools wrote before the specification settled on the portable one, and that its example of an inline vector
 * still has: a count, and each 32-bit bitmap after its length. `littleEndian` is the byte order of those two. Throws `RangeError` as above.
 */
export function decodeRoaringArray(bytes: Uint8Array, littleEndian: boolean): RowSet {
  const reader = new Reader(bytes);
  const bitmaps = reader.u32(littleEndian);
  const containers: Container[] = [];
  for (let key = 0; key < bitmaps; key++) {
    const size = reader.u32(littleEndian);
    const start = reader.at;
    for (const container of decodeRoaring32(reader, key * BLOCK)) containers.push(container);
    check(reader.at - start === size, `bitmap ${key} has not the ${size} bytes that it claims`);
  }
  check(reader.left === 0, `${reader.left} bytes follow its end`);
  return rowSetOf(containers);
}

function decodeRoaring32(reader: Reader, base: number): Container[] {
  const start = reader.at;
  const cookie = reader.u32();
  const withRuns = (cookie & 0xffff) === WITH_RUNS;
  check(withRuns || cookie === NO_RUNS, `a bitmap starts with ${cookie}`);
  const size = withRuns ? (cookie >>> 16) + 1 : reader.u32();
  check(size <= BLOCK, `a bitmap claims ${size} blocks`);
  const runFlags = reader.bytes(withRuns ? Math.ceil(size / 8) : 0);
  const headers = decodeHeaders(reader, size, runFlags);
  const offsets = !withRuns || size >= OFFSETS_FROM ? reader.u32s(size) : undefined;
  return headers.map((header, i) => {
    check(offsets === undefined || offsets[i] === reader.at - start, `block ${i} is not at its offset`);
    return decodeContainer(reader, header, base);
  });
}

function decodeHeaders(reader: Reader, size: number, runFlags: Uint8Array): Header[] {
  const pairs = reader.u16s(size * 2);
  return Array.from({ length: size }, (_, i) => {
    const key = pairs[i * 2] ?? 0;
    check(i === 0 || key > (pairs[i * 2 - 2] ?? 0), `the keys of blocks ${i - 1} and ${i} are not in order`);
    return { key, count: (pairs[i * 2 + 1] ?? 0) + 1, isRun: (((runFlags[i >>> 3] ?? 0) >>> (i & 7)) & 1) === 1 };
  });
}

function decodeContainer(reader: Reader, { key: low, count, isRun }: Header, base: number): Container {
  const key = base + low;
  if (isRun) return decodeRuns(reader, key, count);
  if (count > MAX_ARRAY) {
    const words = reader.u32s(WORDS);
    check(bitCount(words) === count, `block ${key} does not hold the ${count} rows that it claims`);
    return { kind: 'bitmap', key, count, words };
  }
  const values = reader.u16s(count);
  for (let i = 1; i < count; i++) check((values[i] ?? 0) > (values[i - 1] ?? 0), `block ${key} is not in order`);
  return { kind: 'array', key, count, values };
}

function decodeRuns(reader: Reader, key: number, count: number): Container {
  const runs = reader.u16s(reader.u16() * 2);
  let next = 0;
  let total = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const start = runs[i] ?? 0;
    const length = (runs[i + 1] ?? 0) + 1;
    // Runs that touch are unusual but legal.
    check(start >= next && start + length <= BLOCK, `the runs of block ${key} are not in order`);
    next = start + length;
    total += length;
  }
  check(total === count, `block ${key} does not hold the ${count} rows that it claims`);
  return { kind: 'runs', key, count, runs };
}

function containerBytes(container: Container): number {
  switch (container.kind) {
    case 'array':
      return container.values.length * 2;
    case 'bitmap':
      return BITMAP_BYTES;
    case 'runs':
      return 2 + container.runs.length * 2;
  }
}

function headerBytes(containers: readonly Container[]): number {
  const { length } = containers;
  if (!containers.some(({ kind }) => kind === 'runs')) return 8 + length * 8;
  return 4 + Math.ceil(length / 8) + length * (length >= OFFSETS_FROM ? 8 : 4);
}

/** The "portable" serialised 64-bit roaring bitmap of a set. */
export function encodeRoaring64(set: RowSet): Uint8Array {
  const buckets = new Map<number, Container[]>();
  for (const container of set.containers) {
    const high = Math.floor(container.key / BLOCK);
    const bucket = buckets.get(high);
    if (bucket === undefined) buckets.set(high, [container]);
    else bucket.push(container);
  }
  let size = 8;
  for (const containers of buckets.values()) {
    size += 4 + headerBytes(containers) + containers.reduce((sum, container) => sum + containerBytes(container), 0);
  }
  const view = new DataView(new ArrayBuffer(size));
  view.setBigUint64(0, BigInt(buckets.size), true);
  let at = 8;
  for (const [high, containers] of buckets) {
    view.setUint32(at, high, true);
    at = encodeRoaring32(view, at + 4, containers);
  }
  return new Uint8Array(view.buffer);
}

/** Writes at `start` and returns the end. */
function encodeRoaring32(view: DataView, start: number, containers: readonly Container[]): number {
  const { length } = containers;
  let at = start;
  const withRuns = containers.some(({ kind }) => kind === 'runs');
  if (withRuns) {
    view.setUint32(at, WITH_RUNS | ((length - 1) << 16), true);
    for (const [i, { kind }] of containers.entries()) {
      const flags = at + 4 + (i >>> 3);
      if (kind === 'runs') view.setUint8(flags, view.getUint8(flags) | (1 << (i & 7)));
    }
    at += 4 + Math.ceil(length / 8);
  } else {
    view.setUint32(at, NO_RUNS, true);
    view.setUint32(at + 4, length, true);
    at += 8;
  }
  for (const { key, count } of containers) {
    view.setUint16(at, key % BLOCK, true);
    view.setUint16(at + 2, count - 1, true);
    at += 4;
  }
  let data = start + headerBytes(containers);
  for (const container of containers) {
    if (!withRuns || length >= OFFSETS_FROM) {
      view.setUint32(at, data - start, true);
      at += 4;
    }
    data = encodeContainer(view, data, container);
  }
  return data;
}

function encodeContainer(view: DataView, start: number, container: Container): number {
  let at = start;
  if (container.kind === 'bitmap') {
    for (const word of container.words) {
      view.setUint32(at, word, true);
      at += 4;
    }
    return at;
  }
  if (container.kind === 'runs') {
    view.setUint16(at, container.runs.length / 2, true);
    at += 2;
  }
  for (const value of container.kind === 'runs' ? container.runs : container.values) {
    view.setUint16(at, value, true);
    at += 2;
  }
  return at;
}
