/** The rows of one block of 65,536 that a set holds, in the one of three forms that is smallest (as in a roaring bitmap). */
export type Container =
  | { readonly kind: 'array'; readonly key: number; readonly count: number; readonly values: Uint16Array }
  | { readonly kind: 'bitmap'; readonly key: number; readonly count: number; readonly words: Uint32Array }
  /** Pairs of first value and length - 1, sorted, neither overlapping nor touching. */
  | { readonly kind: 'runs'; readonly key: number; readonly count: number; readonly runs: Uint16Array };

/** A set of row numbers of a data file, from 0, below 2^53. Immutable. */
export interface RowSet {
  /** Sorted by `key`, the row number without its low 16 bits; none is empty. */
  readonly containers: readonly Container[];
  readonly cardinality: number;
}

/** Rows `start` up to `end`, which is not one of them. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

export const BLOCK = 0x10000;
export const WORDS = BLOCK / 32;
/** With more values than this a bitmap is smaller than an array. */
export const MAX_ARRAY = 4096;

export const NO_ROWS: RowSet = { containers: [], cardinality: 0 };

/** The set of sorted containers. */
export function rowSetOf(containers: readonly Container[]): RowSet {
  return { containers, cardinality: containers.reduce((sum, { count }) => sum + count, 0) };
}

/** The set of some row numbers in any order; one that is there twice counts once. Throws `RangeError` for what is no row number. */
export function rowSet(rows: Iterable<number>): RowSet {
  const blocks = new Map<number, Uint32Array>();
  for (const row of rows) {
    if (!Number.isSafeInteger(row) || row < 0) throw new RangeError(`${row} is no row number`);
    const key = Math.floor(row / BLOCK);
    let words = blocks.get(key);
    if (words === undefined) {
      words = new Uint32Array(WORDS);
      blocks.set(key, words);
    }
    const low = row % BLOCK;
    words[low >>> 5] = (words[low >>> 5] ?? 0) | (1 << (low & 31));
  }
  const keys = [...blocks.keys()].sort((a, b) => a - b);
  return rowSetOf(keys.map((key) => containerOf(key, blocks.get(key) ?? new Uint32Array(WORDS))));
}

/** All rows that are in one of the sets. */
export function unionRows(...sets: readonly RowSet[]): RowSet {
  const byKey = new Map<number, Container[]>();
  for (const { containers } of sets) {
    for (const container of containers) byKey.set(container.key, [...(byKey.get(container.key) ?? []), container]);
  }
  const keys = [...byKey.keys()].sort((a, b) => a - b);
  return rowSetOf(keys.map((key) => unionContainers(key, byKey.get(key) ?? [])));
}

function unionContainers(key: number, containers: readonly Container[]): Container {
  const [first] = containers;
  if (first !== undefined && containers.length === 1) return first;
  const words = new Uint32Array(WORDS);
  for (const container of containers) addWords(container, words);
  return containerOf(key, words);
}

export function hasRow(set: RowSet, row: number): boolean {
  const key = Math.floor(row / BLOCK);
  const container = set.containers.find((candidate) => candidate.key === key);
  if (container === undefined) return false;
  const low = row % BLOCK;
  const words = containerWords(container);
  return (((words[low >>> 5] ?? 0) >>> (low & 31)) & 1) === 1;
}

/** Maximal ranges in order. */
export function* rowRanges(set: RowSet): Generator<RowRange> {
  let start = -1;
  let end = -1;
  for (const container of set.containers) {
    for (const range of containerRanges(container)) {
      if (range.start === end) end = range.end;
      else {
        if (start >= 0) yield { start, end };
        ({ start, end } = range);
      }
    }
  }
  if (start >= 0) yield { start, end };
}

/** Row numbers in order. */
export function* rowsOf(set: RowSet): Generator<number> {
  for (const { start, end } of rowRanges(set)) for (let row = start; row < end; row++) yield row;
}

/** Bit `row & 31` of `words[row >>> 5]` says whether the row `key * 65536 + row` is in the container. Not to be changed. */
function containerWords(container: Container): Uint32Array {
  if (container.kind === 'bitmap') return container.words;
  const words = new Uint32Array(WORDS);
  addWords(container, words);
  return words;
}

function addWords(container: Container, words: Uint32Array): void {
  if (container.kind === 'bitmap') {
    for (let i = 0; i < WORDS; i++) words[i] = (words[i] ?? 0) | (container.words[i] ?? 0);
  } else if (container.kind === 'array') {
    for (const low of container.values) words[low >>> 5] = (words[low >>> 5] ?? 0) | (1 << (low & 31));
  } else {
    for (const { start, end } of runRanges(container.runs)) {
      for (let low = start; low < end; low++) words[low >>> 5] = (words[low >>> 5] ?? 0) | (1 << (low & 31));
    }
  }
}

function* runRanges(runs: Uint16Array): Generator<RowRange> {
  for (let i = 0; i < runs.length; i += 2) {
    const start = runs[i] ?? 0;
    yield { start, end: start + (runs[i + 1] ?? 0) + 1 };
  }
}

function* containerRanges(container: Container): Generator<RowRange> {
  const base = container.key * BLOCK;
  if (container.kind === 'runs') {
    for (const { start, end } of runRanges(container.runs)) yield { start: base + start, end: base + end };
    return;
  }
  const values = container.kind === 'array' ? container.values : wordValues(container.words, container.count);
  let start = -1;
  let end = -1;
  for (const low of values) {
    if (low !== end) {
      if (start >= 0) yield { start: base + start, end: base + end };
      start = low;
    }
    end = low + 1;
  }
  if (start >= 0) yield { start: base + start, end: base + end };
}

function wordValues(words: Uint32Array, count: number): Uint16Array {
  const values = new Uint16Array(count);
  let at = 0;
  for (let i = 0; i < WORDS; i++) {
    for (let bits = words[i] ?? 0; bits !== 0; bits &= bits - 1) {
      values[at++] = i * 32 + 31 - Math.clz32(bits & -bits);
    }
  }
  return values;
}

export function bitCount(words: Uint32Array): number {
  let count = 0;
  for (const word of words) {
    let bits = word - ((word >>> 1) & 0x55555555);
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
    count += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}

/** The smallest form of the values in `words`, of which there is at least one. */
function containerOf(key: number, words: Uint32Array): Container {
  const count = bitCount(words);
  const bitmap: Container = { kind: 'bitmap', key, count, words };
  const pairs: number[] = [];
  const plainBytes = count <= MAX_ARRAY ? 2 * count : WORDS * 4;
  for (const { start, end } of containerRanges({ ...bitmap, key: 0 })) {
    pairs.push(start, end - start - 1);
    if (2 + 2 * pairs.length >= plainBytes) {
      return count <= MAX_ARRAY ? { kind: 'array', key, count, values: wordValues(words, count) } : bitmap;
    }
  }
  return { kind: 'runs', key, count, runs: Uint16Array.from(pairs) };
}
