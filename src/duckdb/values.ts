import type { DuckDBType, DuckDBValue, DuckDBValueConverter } from '@duckdb/node-api';

/**
 * A value as it comes out of SQL. 64-bit integers are `bigint`, DECIMAL and HUGEINT text, DATE `YYYY-MM-DD`,
 * TIMESTAMP and TIMESTAMPTZ ISO-8601 in UTC with `Z` (microseconds, trailing zeros dropped; one without zone counts as
 * UTC), BLOB bytes.
 */
export type SqlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly SqlValue[]
  | { readonly [key: string]: SqlValue };

export type SqlRow = Readonly<Record<string, SqlValue>>;

const DAY_MS = 86_400_000;

/** `YYYY-MM-DD` for days since 1970-01-01 (years beyond 9999 get the sign and six digits of ISO 8601). */
function dateText(days: number): string {
  const ms = days * DAY_MS;
  if (!Number.isFinite(new Date(ms).getTime())) return `${days} days`;
  const text = new Date(ms).toISOString();
  return text.slice(0, text.indexOf('T'));
}

/** ISO-8601 in UTC with `Z` for microseconds since the epoch. */
function timestampText(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const fraction = micros - seconds * 1_000_000n;
  const date = new Date(Number(seconds) * 1000);
  if (!Number.isFinite(date.getTime())) return `${micros} microseconds`;
  const whole = date.toISOString().replace(/\.000Z$/, '');
  if (fraction === 0n) return `${whole}Z`;
  return `${whole}.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}Z`;
}

interface Types {
  readonly DATE: number;
  readonly TIMESTAMP: number;
  readonly TIMESTAMP_S: number;
  readonly TIMESTAMP_MS: number;
  readonly TIMESTAMP_NS: number;
  readonly TIMESTAMP_TZ: number;
  readonly LIST: number;
  readonly ARRAY: number;
  readonly STRUCT: number;
  readonly MAP: number;
  readonly UNION: number;
  readonly BLOB: number;
}

type Convert = DuckDBValueConverter<SqlValue>;
// biome-ignore lint/suspicious/noExplicitAny: the value classes of the driver are reached by type id, not by class
type Raw = any;

function convertNested(ids: Types, [value, type]: readonly [Raw, Raw], convert: Convert): SqlValue | undefined {
  switch (type.typeId) {
    case ids.LIST:
    case ids.ARRAY:
      return value.items.map((item: DuckDBValue) => convert(item, type.valueType, convert));
    case ids.STRUCT:
      return Object.fromEntries(
        type.entryNames.map((name: string, i: number) => [
          name,
          convert(value.entries[name], type.entryTypes[i], convert),
        ]),
      );
    case ids.MAP:
      return value.entries.map((e: Raw) => ({
        key: convert(e.key, type.keyType, convert),
        value: convert(e.value, type.valueType, convert),
      }));
    case ids.UNION:
      return convert(value.value, type.memberTypeForTag(value.tag), convert);
    default:
      return undefined;
  }
}

/** The converter that `Session` gives to the driver; `ids` is the driver's `DuckDBTypeId`. */
export function sqlValueConverter(ids: Types): Convert {
  const convert: Convert = (value: Raw, type: DuckDBType) => {
    if (value === null || value === undefined) return null;
    switch (type.typeId as number) {
      case ids.DATE:
        return dateText(value.days);
      case ids.TIMESTAMP:
      case ids.TIMESTAMP_TZ:
        return timestampText(value.micros);
      case ids.TIMESTAMP_S:
        return timestampText(value.seconds * 1_000_000n);
      case ids.TIMESTAMP_MS:
        return timestampText(value.millis * 1000n);
      case ids.TIMESTAMP_NS:
        return timestampText((value.nanos - (((value.nanos % 1000n) + 1000n) % 1000n)) / 1000n);
      case ids.BLOB:
        return value.bytes;
    }
    if (typeof value !== 'object') return value;
    return convertNested(ids, [value, type], convert) ?? String(value);
  };
  return convert;
}

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** A value as the JSON of the command line contract: 64-bit integers beyond 2^53, NaN and infinities become text. */
export function toJson(value: SqlValue): unknown {
  if (typeof value === 'bigint') return value <= SAFE && value >= -SAFE ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toJson(v as SqlValue)]));
  }
  return value;
}
