import type { AddFile } from './actions.js';
import { type ColumnMappingMode, physicalName } from './column-mapping.js';
import { type BoundReader, boundReader, type Key, type Literal } from './literal.js';
import { parsePartitionValue } from './partition-values.js';
import type { DeltaField, DeltaSchema, DeltaType, PrimitiveType } from './schema.js';
import { type FileStats, parseStats, statsValue } from './stats.js';

/** Names from the top-level column down: `['st', 'x']` is field x of struct column st. */
export type ColumnPath = readonly string[];

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** A condition on the rows of a file. A row qualifies only if the condition is true, not if it is NULL, as in SQL. */
export type Predicate =
  | { readonly op: 'and' | 'or'; readonly terms: readonly Predicate[] }
  | { readonly op: Comparison; readonly column: ColumnPath; readonly value: Literal }
  | { readonly op: 'in'; readonly column: ColumnPath; readonly values: readonly Literal[] }
  | { readonly op: 'isNull' | 'isNotNull'; readonly column: ColumnPath }
  | { readonly op: 'unknown' };

export interface PredicateTable {
  readonly schema: DeltaSchema;
  readonly partitionColumns: readonly string[];
  /** Statistics and partition values have physical names. Default `none`. */
  readonly mapping?: ColumnMappingMode;
}

/** Nothing is known about the rows: no file is skipped because of it. */
export const UNKNOWN: Predicate = { op: 'unknown' };

const OPPOSITE = { '=': '!=', '!=': '=', '<': '>=', '>=': '<', '>': '<=', '<=': '>' } as const;

/** `NOT predicate` in SQL's three-valued logic: true where the predicate is false, and NULL where it is NULL. */
export function negate(predicate: Predicate): Predicate {
  switch (predicate.op) {
    case 'unknown':
      return predicate;
    case 'and':
    case 'or':
      return { op: predicate.op === 'and' ? 'or' : 'and', terms: predicate.terms.map(negate) };
    case 'in':
      return { op: 'and', terms: predicate.values.map((value) => ({ op: '!=', column: predicate.column, value })) };
    case 'isNull':
      return { op: 'isNotNull', column: predicate.column };
    case 'isNotNull':
      return { op: 'isNull', column: predicate.column };
    default:
      return { ...predicate, op: OPPOSITE[predicate.op] };
  }
}

/** What is known about one column in one file; undefined means "not known". */
interface ColumnFacts {
  readonly min: string | undefined;
  readonly max: string | undefined;
  /** Partition values are what they are; stats may be rounded. */
  readonly exact: boolean;
  readonly hasNulls: boolean | undefined;
  readonly allNull: boolean | undefined;
}

interface Range {
  readonly low: Key | undefined;
  readonly high: Key | undefined;
  /** NaN, the greatest value, may be there and yet not be in `high`: Parquet's own bounds leave it out. */
  readonly mayHoldNan: boolean;
}

/** A file with its stats, parsed when first asked for. */
interface OpenFile {
  readonly add: AddFile;
  readonly stats: () => FileStats | undefined;
}

type Test = (file: OpenFile) => boolean;

const NOTHING: ColumnFacts = { min: undefined, max: undefined, exact: false, hasNulls: undefined, allNull: undefined };

/**
 * Whether a file may hold a row for which `predicate` is true, judged by its partition values and stats. Conservative:
 * false only when that is impossible; whatever is missing, unreadable or doubtful keeps the file.
 */
export function fileMightMatch(predicate: Predicate, file: AddFile, table: PredicateTable): boolean {
  return fileFilter(predicate, table)(file);
}

/** `fileMightMatch` prepared for many files. */
export function fileFilter(predicate: Predicate, table: PredicateTable): (file: AddFile) => boolean {
  const test = compile(predicate, table);
  return (add) => {
    let parsed: { readonly stats: FileStats | undefined } | undefined;
    const stats = () => {
      parsed ??= { stats: parseStats(add.stats) };
      return parsed.stats;
    };
    return test({ add, stats });
  };
}

function compile(predicate: Predicate, table: PredicateTable): Test {
  switch (predicate.op) {
    case 'unknown':
      return () => true;
    case 'and': {
      const tests = predicate.terms.map((term) => compile(term, table));
      return (file) => tests.every((test) => test(file));
    }
    case 'or': {
      const tests = predicate.terms.map((term) => compile(term, table));
      return (file) => tests.some((test) => test(file));
    }
    case 'in':
      return compileIn(predicate, table);
    case 'isNull':
    case 'isNotNull': {
      const facts = factsReader(predicate.column, table);
      return predicate.op === 'isNull'
        ? (file) => facts(file).hasNulls !== false
        : (file) => facts(file).allNull !== true;
    }
    default:
      return compileComparison(predicate, table);
  }
}

function compileComparison(
  predicate: { readonly op: Comparison; readonly column: ColumnPath; readonly value: Literal },
  table: PredicateTable,
): Test {
  const type = primitiveAt(table.schema, predicate.column);
  const reader = type && boundReader(type, predicate.value);
  if (type === undefined || reader === undefined) return () => true;
  const facts = factsReader(predicate.column, table);
  const floating = type.name === 'float' || type.name === 'double';
  return (file) => {
    const known = facts(file);
    if (known.allNull === true) return false;
    return rangeMightMatch({ ...rangeOf(known, reader), mayHoldNan: floating && !known.exact }, predicate.op, reader);
  };
}

/** Looks a file's range up among all values at once: a merge asks for thousands of keys. */
function compileIn(
  predicate: { readonly column: ColumnPath; readonly values: readonly Literal[] },
  table: PredicateTable,
): Test {
  const type = primitiveAt(table.schema, predicate.column);
  const readers = predicate.values.map((value) => type && boundReader(type, value));
  const [reader] = readers;
  const sameType = predicate.values.every((value) => value.type === predicate.values[0]?.type);
  const keys = readers.flatMap((known) => known?.value ?? []);
  if (keys.length < readers.length || !sameType) return () => true;
  if (reader === undefined) return () => false;
  keys.sort(reader.compare);
  const facts = factsReader(predicate.column, table);
  return (file) => {
    const known = facts(file);
    if (known.allNull === true) return false;
    const { low, high } = rangeOf(known, reader);
    const first = low === undefined ? keys[0] : firstFrom(keys, low, reader.compare);
    return first !== undefined && (high === undefined || reader.compare(first, high) <= 0);
  };
}

/** The least of the sorted `keys` that is not below `low`. */
function firstFrom(keys: readonly Key[], low: Key, compare: BoundReader['compare']): Key | undefined {
  let from = 0;
  let to = keys.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compare(keys[middle] ?? low, low) < 0) from = middle + 1;
    else to = middle;
  }
  return keys[from];
}

function rangeOf({ min, max, exact }: ColumnFacts, reader: BoundReader): Pick<Range, 'low' | 'high'> {
  return {
    low: min === undefined ? undefined : reader.low(min, exact),
    high: max === undefined ? undefined : reader.high(max, exact),
  };
}

function rangeMightMatch({ low, high, mayHoldNan }: Range, op: Comparison, { value, compare }: BoundReader): boolean {
  const fromLow = low === undefined ? -1 : compare(low, value);
  const fromHigh = high === undefined ? 1 : compare(high, value);
  switch (op) {
    case '=':
      return fromLow <= 0 && fromHigh >= 0;
    case '!=':
      return mayHoldNan || fromLow !== 0 || fromHigh !== 0;
    case '<':
      return fromLow < 0;
    case '<=':
      return fromLow <= 0;
    case '>':
      return mayHoldNan || fromHigh > 0;
    case '>=':
      return mayHoldNan || fromHigh >= 0;
  }
}

/** The fields from the top-level column down to the one at `path`; undefined when there is none. */
function fieldsAt(schema: DeltaSchema, path: ColumnPath): readonly DeltaField[] | undefined {
  const found: DeltaField[] = [];
  let type: DeltaType = { kind: 'struct', fields: schema.fields };
  for (const name of path) {
    const field: DeltaField | undefined =
      type.kind === 'struct' ? type.fields.find((candidate) => candidate.name === name) : undefined;
    if (field === undefined) return undefined;
    found.push(field);
    type = field.type;
  }
  return found;
}

function primitiveAt(schema: DeltaSchema, path: ColumnPath): PrimitiveType | undefined {
  const type = fieldsAt(schema, path)?.at(-1)?.type;
  return type?.kind === 'primitive' ? type : undefined;
}

function factsReader(path: ColumnPath, table: PredicateTable): (file: OpenFile) => ColumnFacts {
  const fields = fieldsAt(table.schema, path);
  const last = fields?.at(-1);
  if (fields === undefined || last?.type.kind !== 'primitive') return () => NOTHING;
  const { type } = last;
  const [name] = path;
  const physical = fields.map((field) => physicalName(field, table.mapping ?? 'none'));
  const [key] = physical;
  if (name !== undefined && key !== undefined && path.length === 1 && table.partitionColumns.includes(name))
    return ({ add }) => partitionFacts(type, add.partitionValues[key]);
  const rounded = type.name === 'double' && wasFloat(last);
  return ({ stats }) => (rounded ? floatFacts : statsFacts)(stats(), physical);
}

/** Whether the column was widened from float (PROTOCOL.md, "Type Change Metadata"). */
function wasFloat(field: DeltaField): boolean {
  const changes = field.metadata['delta.typeChanges'];
  return Array.isArray(changes) && changes.some((change) => change?.fromType === 'float');
}

/** Bounds that were written for floats: `0.1` stands for the float nearest to it, which is another double. */
function floatFacts(stats: FileStats | undefined, path: ColumnPath): ColumnFacts {
  const facts = statsFacts(stats, path);
  const both = (text: string | undefined) => (text === undefined ? [] : [Number(text), Math.fround(Number(text))]);
  const low = Math.min(...both(facts.min));
  const high = Math.max(...both(facts.max));
  return {
    ...facts,
    min: facts.min === undefined ? undefined : String(low),
    max: facts.max === undefined ? undefined : String(high),
  };
}

function partitionFacts(type: PrimitiveType, text: string | null | undefined): ColumnFacts {
  if (text === undefined) return NOTHING;
  try {
    const value = parsePartitionValue(type, text) ?? undefined;
    const isNull = value === undefined;
    return { min: value, max: value, exact: true, hasNulls: isNull, allNull: isNull };
  } catch {
    // Reading the file will say what is wrong with the value.
    return NOTHING;
  }
}

function statsFacts(stats: FileStats | undefined, path: ColumnPath): ColumnFacts {
  if (stats === undefined) return NOTHING;
  const nulls = statsValue(stats.nullCount, path);
  return {
    min: statsValue(stats.minValues, path),
    max: statsValue(stats.maxValues, path),
    exact: false,
    // 0 and "all" hold with wide bounds too; other counts are never used.
    hasNulls: nulls === '0' ? false : undefined,
    allNull: nulls !== undefined && nulls === String(stats.numRecords) ? true : undefined,
  };
}
