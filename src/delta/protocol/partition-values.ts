import { LakeError } from '../../base/lake-error.js';
import { type DeltaType, decimalShape } from './schema.js';
import { formatDate, formatTimestamp, parseDate, parseTimestamp } from './time-text.js';

const INTEGER_BITS: Readonly<Record<string, number>> = { byte: 8, short: 16, integer: 32, long: 64 };
const FLOAT = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const SPECIAL_FLOATS: ReadonlyMap<string, string> = new Map([
  ['nan', 'NaN'],
  ['inf', 'Infinity'],
  ['+inf', 'Infinity'],
  ['infinity', 'Infinity'],
  ['+infinity', 'Infinity'],
  ['-inf', '-Infinity'],
  ['-infinity', '-Infinity'],
]);

/**
 * A value of `add.partitionValues` as canonical text that DuckDB can cast to `duckdbType(type)` (PROTOCOL.md "Partition Value
 * Serialization", and what other writers put there). Null and the empty string both mean null. A timestamp without a zone is
 * read as UTC. Equal values have equal text. Throws `DELTA_PARTITION_VALUE` when `text` is no value of the type.
 */
export function parsePartitionValue(type: DeltaType, text: string | null): string | null {
  if (text === null || text === '') return null;
  const canonical = canonicalText(type, text, 'duckdb');
  if (canonical === undefined) throw valueError(type, text);
  return canonical;
}

/**
 * DuckDB's text of a value (`CAST(x AS VARCHAR)`, time zone UTC) as `add.partitionValues` holds it. An empty string becomes
 * null: Delta cannot keep the two apart. Throws `DELTA_PARTITION_VALUE` for what Delta cannot hold (`infinity` dates, bytes that
 * are no UTF-8).
 */
export function serializePartitionValue(type: DeltaType, value: string | null): string | null {
  if (value === null || value === '') return null;
  const text = canonicalText(type, value, 'delta');
  if (text === undefined) throw valueError(type, value);
  return text;
}

function canonicalText(type: DeltaType, text: string, target: 'duckdb' | 'delta'): string | undefined {
  if (type.kind !== 'primitive') return undefined;
  const decimal = decimalShape(type);
  if (decimal !== undefined) return canonicalDecimal(text.trim(), decimal.precision, decimal.scale);
  switch (type.name) {
    case 'string':
      return text;
    case 'boolean':
      return /^(?:true|false)$/i.test(text.trim()) ? text.trim().toLowerCase() : undefined;
    case 'float':
    case 'double':
      return canonicalFloat(text.trim());
    case 'date': {
      const days = parseDate(text.trim());
      return days === undefined ? undefined : formatDate(days);
    }
    case 'timestamp':
    case 'timestamp_ntz':
      return canonicalTimestamp(text.trim(), type.name, target);
    case 'binary':
      return target === 'duckdb' ? blobLiteral(text) : blobText(text);
    default:
      return canonicalInteger(text.trim(), INTEGER_BITS[type.name] ?? 0);
  }
}

function canonicalInteger(text: string, bits: number): string | undefined {
  if (!/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(bits, value) === value ? value.toString() : undefined;
}

/** Java's `BigDecimal.toString` may write `1E-7` or `0E-18`; the result has exactly `scale` fraction digits. */
function canonicalDecimal(text: string, precision: number, scale: number): string | undefined {
  const match = FLOAT.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = scale - fraction.length + Number(exponent);
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '');
  if (digits === '0') return scaled('0', scale);
  if (shift > precision || -shift > digits.length) return undefined;
  const dropped = shift < 0 ? digits.slice(shift) : '';
  if (/[1-9]/.test(dropped)) return undefined;
  const kept = shift < 0 ? digits.slice(0, shift) : digits + '0'.repeat(shift);
  if (kept.length > precision) return undefined;
  return `${sign === '-' ? '-' : ''}${scaled(kept, scale)}`;
}

function scaled(digits: string, scale: number): string {
  const padded = digits.padStart(scale + 1, '0');
  return scale === 0 ? padded : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

/** The form of Java's `Double.toString`, which Spark writes: `1.0`, `1.0E10`, `NaN`, `-Infinity`. */
function canonicalFloat(text: string): string | undefined {
  const special = SPECIAL_FLOATS.get(text.toLowerCase());
  if (special !== undefined) return special;
  const match = FLOAT.exec(text);
  if (match === null) return undefined;
  const sign = match[1] === '-' ? '-' : '';
  const [, , whole = '', fraction = '', exponentText = '0'] = match;
  const leading = (whole + fraction).search(/[1-9]/);
  if (leading < 0) return `${sign}0.0`;
  const digits = (whole + fraction).slice(leading).replace(/0+$/, '');
  const exponent = whole.length - 1 - leading + Number(exponentText);
  if (Math.abs(exponent) > 400) return undefined;
  if (exponent < -3 || exponent >= 7) return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const point = exponent + 1;
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point) || '0'}`;
}

function canonicalTimestamp(
  text: string,
  name: 'timestamp' | 'timestamp_ntz',
  target: 'duckdb' | 'delta',
): string | undefined {
  const parsed = parseTimestamp(text);
  if (parsed === undefined) return undefined;
  if (name === 'timestamp') {
    const separator = target === 'delta' ? 'T' : ' ';
    return formatTimestamp(parsed.micros, separator, 6) + (target === 'delta' ? 'Z' : '+00');
  }
  // A wall clock with an offset other than UTC has no one meaning.
  if (parsed.zoned && !/(?:Z|UTC|\+00(?::?00)?)$/.test(text)) return undefined;
  return formatTimestamp(parsed.micros, ' ', parsed.micros % 1_000_000n === 0n ? 0 : 6);
}

/** Delta keeps binary as the text of its UTF-8 bytes; DuckDB's cast to BLOB wants each byte as `\xHH`. */
function blobLiteral(text: string): string {
  return Array.from(
    new TextEncoder().encode(text),
    (byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
}

function blobText(blob: string): string | undefined {
  const bytes = blob.match(/\\x[0-9A-Fa-f]{2}|[\s\S]/g) ?? [];
  const codes = bytes.map((byte) => (byte.length === 1 ? byte.charCodeAt(0) : Number.parseInt(byte.slice(2), 16)));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(codes));
  } catch {
    return undefined;
  }
}

function valueError(type: DeltaType, text: string): LakeError {
  const name = type.kind === 'primitive' ? type.name : type.kind;
  return new LakeError('DELTA_PARTITION_VALUE', `${JSON.stringify(text)} is no partition value of type ${name}`);
}
