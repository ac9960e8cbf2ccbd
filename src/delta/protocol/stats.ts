import { exactNumber, type Json, numberText, parseExactJson, renderExactJson } from './exact-json.js';
import { type DeltaSchema, decimalShape, type SchemaLeaf, schemaLeaves } from './schema.js';
import { floorDivide, formatTimestamp, parseDate, parseTimestamp } from './time-text.js';

/** One column of one file, as text of DuckDB's `COPY … (RETURN_STATS)`. */
export interface ColumnStats {
  readonly min?: string;
  readonly max?: string;
  readonly nullCount?: number;
  readonly hasNan?: boolean;
}

/** What is known about the rows of one new file. */
export interface WrittenFile {
  readonly numRecords: number;
  /** Keyed by the dotted, quoted path that RETURN_STATS prints: `"st"."x"`. */
  readonly columns: Readonly<Record<string, ColumnStats>>;
}

export interface StatsOptions {
  /** Left out of the stats: their values are in `add.partitionValues`. */
  readonly partitionColumns?: readonly string[];
  /** `metaData.configuration`; the `delta.dataSkipping*` properties are obeyed. */
  readonly configuration?: Readonly<Record<string, string>>;
  /** The schema with the names that the properties use, field by field like the other; default the same. */
  readonly logical?: DeltaSchema;
  /** Columns that have stats whatever the properties say: those that a table is clustered by. */
  readonly alwaysIndexed?: readonly (readonly string[])[];
}

/** `add.stats` as understood; bounds are still untyped, see `statsValue`. */
export interface FileStats {
  /** Physical rows of the file, those under a deletion vector included. */
  readonly numRecords: number | undefined;
  /** False when the bounds may be wider than the live rows, and `nullCount` says something only if it is 0 or `numRecords`. */
  readonly tightBounds: boolean;
  readonly minValues: Json | undefined;
  readonly maxValues: Json | undefined;
  readonly nullCount: Json | undefined;
}

const DEFAULT_INDEXED_COLUMNS = 32;
const DEFAULT_STRING_PREFIX = 32;
const ASCII_MAX = '\u007f';
const UNICODE_MAX = '\u{10ffff}';
const NUMERIC: ReadonlySet<string> = new Set(['long', 'integer', 'short', 'byte', 'float', 'double']);
const MIN_TIMESTAMP = -62_135_596_800_000_000n; // 0001-01-01
const END_TIMESTAMP = 253_402_300_800_000_000n; // 10000-01-01

type JsonNode = { [key: string]: Json };
type Side = 'min' | 'max';

/**
 * The text of `add.stats` for a new file (PROTOCOL.md "Per-file Statistics"). A bound that the format cannot hold exactly or
 * safely is left out, never approximated: booleans, binary, NaN, infinities, years beyond 9999. Longs and decimals keep every
 * digit. Strings are cut by Spark's rules.
 *
 * Timestamps are written in milliseconds as Spark does; the minimum is rounded down and the maximum up, so that readers which
 * do not widen the maximum (delta-rs) skip no file wrongly either.
 */
export function statsJson(schema: DeltaSchema, file: WrittenFile, options: StatsOptions = {}): string {
  const minValues = node();
  const maxValues = node();
  const nullCount = node();
  const prefix = wholeNumber(options, 'delta.dataSkippingStringPrefixLength') ?? DEFAULT_STRING_PREFIX;
  for (const leaf of indexedLeaves(schema, options)) {
    const stats = file.columns[leaf.path.map((name) => `"${name.replaceAll('"', '""')}"`).join('.')];
    if (stats === undefined) continue;
    if (stats.nullCount !== undefined) setAt(nullCount, leaf.path, stats.nullCount);
    // DuckDB's bounds leave NaN out, but NaN is the greatest value of all.
    if (stats.hasNan === true) continue;
    setAt(minValues, leaf.path, boundJson(leaf.type, stats.min, { side: 'min', prefix }));
    setAt(maxValues, leaf.path, boundJson(leaf.type, stats.max, { side: 'max', prefix }));
  }
  return renderExactJson({ numRecords: file.numRecords, minValues, maxValues, nullCount });
}

function indexedLeaves(schema: DeltaSchema, options: StatsOptions): SchemaLeaf[] {
  const partitioned = new Set(options.partitionColumns);
  const stored = (fields: DeltaSchema['fields']) =>
    schemaLeaves(fields.filter((_, i) => !partitioned.has(schema.fields[i]?.name ?? '')));
  const leaves = stored(schema.fields);
  const always = new Set(options.alwaysIndexed?.map((path) => JSON.stringify(path)));
  const chosen = chosenLeaves(leaves, stored((options.logical ?? schema).fields), options);
  return leaves.filter((leaf, i) => chosen(i) || always.has(JSON.stringify(leaf.path)));
}

/** Which leaves the properties want, by position; they use logical names. */
function chosenLeaves(
  leaves: readonly SchemaLeaf[],
  logical: readonly SchemaLeaf[],
  options: StatsOptions,
): (index: number) => boolean {
  const named = options.configuration?.['delta.dataSkippingStatsColumns'];
  if (named !== undefined) {
    const wanted = columnList(named).map((path) => `${JSON.stringify(path).slice(0, -1).toLowerCase()}`);
    return (i) => {
      const text = JSON.stringify(logical[i]?.path ?? leaves[i]?.path).toLowerCase();
      return wanted.some((start) => text === `${start}]` || text.startsWith(`${start},`));
    };
  }
  const count = wholeNumber(options, 'delta.dataSkippingNumIndexedCols') ?? DEFAULT_INDEXED_COLUMNS;
  return (i) => count === -1 || i < count;
}

/** The paths in `a, st.x, ```odd ``name```; names with special characters stand in backticks. */
function columnList(text: string): string[][] {
  const paths: string[][] = [[]];
  for (const [token, quoted, plain] of text.matchAll(/`((?:[^`]|``)*)`|([^`,.\s]+)|,/g)) {
    if (token === ',') paths.push([]);
    else paths.at(-1)?.push(quoted?.replaceAll('``', '`') ?? plain ?? '');
  }
  return paths.filter((path) => path.length > 0);
}

function wholeNumber(options: StatsOptions, property: string): number | undefined {
  const text = options.configuration?.[property]?.trim();
  return text !== undefined && /^(?:-1|\d{1,9})$/.test(text) ? Number(text) : undefined;
}

function boundJson(
  type: SchemaLeaf['type'],
  text: string | undefined,
  { side, prefix }: { side: Side; prefix: number },
): Json | undefined {
  if (text === undefined || type.kind !== 'primitive') return undefined;
  // DuckDB prints DECIMAL(3,3) as `.123`, which is no JSON.
  if (decimalShape(type) !== undefined) return exactNumber(text.replace(/^(-?)\./, '$10.'));
  if (NUMERIC.has(type.name)) return exactNumber(text);
  switch (type.name) {
    case 'string':
      return side === 'min' ? truncateMin(text, prefix) : truncateMax(text, prefix);
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(text) && parseDate(text) !== undefined ? text : undefined;
    case 'timestamp':
    case 'timestamp_ntz':
      return timestampBound(text, side, type.name === 'timestamp' ? 'Z' : '');
    default:
      return undefined;
  }
}

function timestampBound(text: string, side: Side, zone: string): string | undefined {
  const parsed = parseTimestamp(text);
  if (parsed === undefined) return undefined;
  const millis = side === 'min' ? floorDivide(parsed.micros, 1000n) : -floorDivide(-parsed.micros, 1000n);
  const micros = millis * 1000n;
  if (micros < MIN_TIMESTAMP || micros >= END_TIMESTAMP) return undefined;
  return formatTimestamp(micros, 'T', 3) + zone;
}

/** The first `length` UTF-16 units, one more where that would split a pair (Spark's `truncateMinStringAgg`). */
export function truncateMin(text: string, length: number): string | undefined {
  if (text.length <= length) return text;
  if (length <= 0) return undefined;
  return text.slice(
    0,
    /^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(length - 1, length + 1)) ? length + 1 : length,
  );
}

/**
 * A string of about `length` UTF-16 units that sorts at or after `text` in UTF-8 byte order, the order of all readers;
 * undefined when that takes more than twice the length (Spark's `truncateMaxStringAgg`).
 */
export function truncateMax(text: string, length: number): string | undefined {
  if (text.length <= length) return text;
  if (length <= 0) return undefined;
  let end = truncateMin(text, length)?.length ?? length;
  while (end <= 2 * length) {
    if (end >= text.length) return text;
    // A tie-breaker sorts after the text only if what it replaces is smaller, so the greatest character must stay.
    if (text.startsWith(UNICODE_MAX, end)) end += UNICODE_MAX.length;
    else return text.slice(0, end) + (text.charAt(end) < ASCII_MAX ? ASCII_MAX : UNICODE_MAX);
  }
  return undefined;
}

function node(): JsonNode {
  // Without a prototype a column may be called `__proto__`.
  return Object.create(null) as JsonNode;
}

function setAt(root: JsonNode, path: readonly string[], value: Json | undefined): void {
  const last = path.at(-1);
  if (value === undefined || last === undefined) return;
  let parent = root;
  for (const name of path.slice(0, -1)) {
    parent[name] ??= node();
    parent = parent[name] as JsonNode;
  }
  parent[last] = value;
}

/**
 * `add.stats` of any writer; undefined when there is none or it cannot be understood, which means "nothing is known".
 * Numbers keep every digit.
 */
export function parseStats(text: string | null | undefined): FileStats | undefined {
  if (text === undefined || text === null || text === '') return undefined;
  let json: Json;
  try {
    json = parseExactJson(text);
  } catch {
    return undefined;
  }
  if (!isNode(json)) return undefined;
  // chdb wraps the stats once more.
  const wrapped = member(json, 'stats_json');
  if (wrapped !== undefined) return parseStats(typeof wrapped === 'string' ? wrapped : renderExactJson(wrapped));
  const numRecords = member(json, 'numRecords');
  return {
    numRecords:
      typeof numRecords === 'number' && Number.isSafeInteger(numRecords) && numRecords >= 0 ? numRecords : undefined,
    tightBounds: (member(json, 'tightBounds') ?? true) === true,
    minValues: member(json, 'minValues'),
    maxValues: member(json, 'maxValues'),
    nullCount: member(json, 'nullCount'),
  };
}

/** The value at `path` of `minValues`, `maxValues` or `nullCount` as text: strings as they are, numbers digit by digit. */
export function statsValue(tree: Json | undefined, path: readonly string[]): string | undefined {
  let value = tree;
  for (const name of path) value = value !== undefined && isNode(value) ? member(value, name) : undefined;
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? value : numberText(value);
}

function isNode(json: Json): json is JsonNode {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function member(json: JsonNode, name: string): Json | undefined {
  return Object.hasOwn(json, name) ? json[name] : undefined;
}

/**
 * The stats of a file that gets a deletion vector: the bounds stay and may be wider than the rows that are left (PROTOCOL.md,
 * "Per-file Statistics", `tightBounds`). Null when there are none.
 */
export function loosenStats(text: string | null | undefined): string | null {
  const stats = parseStats(text);
  if (stats === undefined) return null;
  const { numRecords, minValues, maxValues, nullCount } = stats;
  const known = Object.entries({ numRecords, minValues, maxValues, nullCount }).filter(
    ([, value]) => value !== undefined,
  );
  return renderExactJson({ ...(Object.fromEntries(known) as JsonNode), tightBounds: false });
}
