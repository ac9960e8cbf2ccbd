import { decimalShape, type PrimitiveType } from './schema.js';
import { parseDate, parseTimestamp } from './time-text.js';

/**
 * A constant and the type in which it is compared: `number` exactly (whole numbers and decimals), `double` and `float` as
 * SQL does after casting the column to that type, the others as the Delta type of that name.
 * `text` is what DuckDB's `CAST(x AS VARCHAR)` prints, or an equal form: `2020-01-01 00:00:00+00`, `1.50`, `true`.
 */
export interface Literal {
  readonly type: 'string' | 'number' | 'double' | 'float' | 'boolean' | 'date' | 'timestamp' | 'timestamp_ntz';
  readonly text: string;
}

/** A value in a form that `compare` orders as SQL does. */
export type Key = bigint | number | string;

/** How the bounds of a column compare with one constant. */
export interface BoundReader {
  readonly value: Key;
  /** The lower bound in `text`, undefined if it cannot be trusted. `exact` is false for stats, which writers round. */
  readonly low: (text: string, exact: boolean) => Key | undefined;
  readonly high: (text: string, exact: boolean) => Key | undefined;
  readonly compare: (a: Key, b: Key) => number;
}

const WHOLE: ReadonlySet<string> = new Set(['long', 'integer', 'short', 'byte']);
const NUMBER = /^(-?)(?=\.?\d)(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;
/** Fraction digits of exact keys; more than DuckDB's decimals have. */
const SCALE = 40;
const POWERS = Array.from({ length: 2 * SCALE }, (_, exponent) => 10n ** BigInt(exponent));
const MILLISECOND = 1000n;
const DAY = 86_400_000_000n;

type Read = (text: string, exact: boolean) => Key | undefined;

/** The reader for a column of `type` and a constant; undefined when the two cannot be compared reliably. */
export function boundReader(type: PrimitiveType, literal: Literal): BoundReader | undefined {
  const reads = readers(type, literal.type);
  const value = literalKey(literal);
  if (reads === undefined || value === undefined) return undefined;
  return { value, low: reads.low, high: reads.high, compare: typeof value === 'string' ? compareUtf8 : comparePlain };
}

function readers(type: PrimitiveType, literal: Literal['type']): { low: Read; high: Read } | undefined {
  const decimal = decimalShape(type);
  switch (literal) {
    case 'string':
      return type.name === 'string' ? { low: (text) => text, high: stringHigh } : undefined;
    case 'number':
      if (WHOLE.has(type.name)) return both(exactKey);
      return decimal && decimalReaders(decimal.precision);
    case 'double':
      if (WHOLE.has(type.name) || type.name === 'double') return both(doubleKey);
      if (type.name === 'float') return both(floatKey);
      // DuckDB divides to get the double; the last digits may differ from those of the nearest one.
      return decimal && { low: (text) => shiftDouble(text, -1), high: (text) => shiftDouble(text, 1) };
    case 'float':
      return type.name === 'float' ? both(floatKey) : undefined;
    case 'boolean':
      return type.name === 'boolean' ? both(booleanKey) : undefined;
    case 'date':
      return type.name === 'date' ? both(parseDate) : undefined;
    case 'timestamp':
      return type.name === 'timestamp' ? timestampReaders(true) : undefined;
    case 'timestamp_ntz':
      if (type.name === 'date') return both(dateMicros);
      return type.name === 'timestamp_ntz' ? timestampReaders(false) : undefined;
  }
}

function literalKey({ type, text }: Literal): Key | undefined {
  switch (type) {
    case 'string':
      return text;
    case 'number':
      return exactKey(text);
    case 'double':
      return doubleKey(text);
    case 'float':
      return floatKey(text);
    case 'boolean':
      return booleanKey(text);
    case 'date':
      return parseDate(text);
    case 'timestamp':
    case 'timestamp_ntz': {
      const parsed = parseTimestamp(text);
      return parsed?.zoned === (type === 'timestamp') ? parsed.micros : undefined;
    }
  }
}

function both(read: (text: string) => Key | undefined): { low: Read; high: Read } {
  return { low: read, high: read };
}

/** Old Spark versions end a cut maximum with U+FFFD, which does not sort above all characters. */
function stringHigh(text: string, exact: boolean): string | undefined {
  return !exact && text.endsWith('\ufffd') ? undefined : text;
}

function exactKey(text: string): bigint | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const power = POWERS[SCALE - fraction.length + Number(exponent)];
  if (power === undefined) return undefined;
  const value = BigInt(whole + fraction) * power;
  return sign === '-' ? -value : value;
}

/** delta-rs computes decimal bounds in doubles, so beyond 15 digits they may be off by the precision of a double. */
function decimalReaders(precision: number): { low: Read; high: Read } {
  const widened = (text: string, exact: boolean, direction: bigint) => {
    const key = exactKey(text);
    if (key === undefined || exact || precision <= 15) return key;
    return key + direction * ((key < 0n ? -key : key) >> 50n);
  };
  return { low: (text, exact) => widened(text, exact, -1n), high: (text, exact) => widened(text, exact, 1n) };
}

/** Undefined for NaN, which has no place in an order of numbers. Infinities are as writers spell them. */
function doubleKey(text: string): number | undefined {
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  return NUMBER.test(text) || /^-?1e1000$/.test(text) ? Number(text) : undefined;
}

function floatKey(text: string): number | undefined {
  const key = doubleKey(text);
  return key === undefined ? undefined : Math.fround(key);
}

function shiftDouble(text: string, direction: number): number | undefined {
  const key = doubleKey(text);
  return key === undefined ? undefined : key + direction * Math.abs(key) * 2 ** -50;
}

function booleanKey(text: string): number | undefined {
  if (text === 'true') return 1;
  return text === 'false' ? 0 : undefined;
}

function dateMicros(text: string): bigint | undefined {
  const days = parseDate(text);
  return days === undefined ? undefined : BigInt(days) * DAY;
}

/** Writers cut the maximum down to milliseconds. An instant without a zone, or a wall clock with one, is not trusted. */
function timestampReaders(zoned: boolean): { low: Read; high: Read } {
  const read = (text: string) => {
    const parsed = parseTimestamp(text);
    return parsed?.zoned === zoned ? parsed.micros : undefined;
  };
  return {
    low: read,
    high: (text, exact) => {
      const micros = read(text);
      return micros === undefined || exact ? micros : micros + MILLISECOND;
    },
  };
}

function comparePlain(a: Key, b: Key): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The order of UTF-8 bytes, which is the order of code points; UTF-16 differs above U+D7FF. */
export function compareUtf8(a: Key, b: Key): number {
  const left = String(a);
  const right = String(b);
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const x = left.charCodeAt(i);
    const y = right.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above all single units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
