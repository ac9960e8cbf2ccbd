import { identifier, joinFragments, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import type { Snapshot } from '../log/snapshot.js';
import { type Json, numberText, parseExactJson, renderExactJson } from '../protocol/exact-json.js';
import { type DeltaField, type DeltaType, decimalShape, duckdbType } from '../protocol/schema.js';
import { booleanProperty } from '../protocol/table-properties.js';

/** How the `add` column of a checkpoint is made. */
export interface CheckpointAdd {
  readonly fragment: SqlFragment;
  /** The column `parsed` that the fragment takes the statistics from. */
  readonly parsed: SqlFragment;
  /** The shape of `parsed_stats` for `from_json`; undefined when the checkpoint has no `stats_parsed`. */
  readonly structure: string | undefined;
}

const FIELDS = [
  'path',
  'partitionValues',
  'size',
  'modificationTime',
  'dataChange',
  'tags',
  'deletionVector',
  'baseRowId',
  'defaultRowCommitVersion',
  'clusteringProvider',
];
const NUMBERS: ReadonlySet<string> = new Set(['long', 'integer', 'short', 'byte', 'float', 'double']);
const TEXTS: ReadonlySet<string> = new Set(['string', 'date', 'timestamp', 'timestamp_ntz']);

/** A part of `stats_parsed`: its shape for `from_json`, and the typed expression over what that returns. */
interface Part {
  readonly shape: Json;
  readonly fragment: SqlFragment;
}

/** The bounds that have an order all readers agree on (PROTOCOL.md, "Per-file Statistics"). */
function boundOf(type: DeltaType, at: SqlFragment): Part | undefined {
  if (type.kind !== 'primitive') return undefined;
  if (NUMBERS.has(type.name)) return { shape: duckdbType(type), fragment: at };
  // DuckDB's JSON reads a decimal as a double, so it gets all others as text.
  if (!TEXTS.has(type.name) && decimalShape(type) === undefined) return undefined;
  return { shape: 'VARCHAR', fragment: trustedFragment(`try_cast(${at} AS ${duckdbType(type)})`) };
}

function countOf(_: DeltaType, at: SqlFragment): Part {
  return { shape: 'BIGINT', fragment: at };
}

/** A struct of what `leaf` makes of the columns, nested as they are; undefined when that is nothing. */
function structOf(fields: readonly DeltaField[], at: SqlFragment, leaf: typeof boundOf): Part | undefined {
  const parts = fields.flatMap(({ name, type }) => {
    const inner = joinFragments([at, identifier(name)], '.');
    const part = type.kind === 'struct' ? structOf(type.fields, inner, leaf) : leaf(type, inner);
    return part === undefined ? [] : [{ name, part }];
  });
  return parts.length === 0 ? undefined : pack(parts);
}

function pack(parts: readonly { readonly name: string; readonly part: Part }[]): Part {
  const pairs = parts.map(({ name, part }) => joinFragments([identifier(name), part.fragment], ' := '));
  return {
    shape: Object.fromEntries(parts.map(({ name, part }) => [name, part.shape])),
    fragment: trustedFragment(`struct_pack(${joinFragments(pairs, ', ')})`),
  };
}

const PARSED = identifier('parsed');
const NOTHING = trustedFragment('NULL');
/** Made once for each row: hundreds of columns are taken from it. */
const PARSE = trustedFragment('from_json(parsed_stats, $structure)');

function statsParsed(snapshot: Snapshot): Part {
  const partitions = new Set(snapshot.physicalPartitionColumns);
  const fields = snapshot.physicalSchema.fields.filter(({ name }) => !partitions.has(name));
  const at = (name: string) => joinFragments([PARSED, identifier(name)], '.');
  const whole = (name: string, type: string) => ({ name, part: { shape: type, fragment: at(name) } });
  const tree = (name: string, leaf: typeof boundOf) => {
    const part = structOf(fields, at(name), leaf);
    return part === undefined ? [] : [{ name, part }];
  };
  return pack([
    whole('numRecords', 'BIGINT'),
    whole('tightBounds', 'BOOLEAN'),
    ...tree('minValues', boundOf),
    ...tree('maxValues', boundOf),
    ...tree('nullCount', countOf),
  ]);
}

function partitionsParsed(snapshot: Snapshot): SqlFragment[] {
  const fields = snapshot.physicalPartitionColumns.map((name) => {
    const type = snapshot.physicalSchema.fields.find((field) => field.name === name)?.type;
    const literal = `'${name.replaceAll("'", "''")}'`;
    const text = `nullif("add".partitionValues[${literal}], '')`;
    if (type === undefined) return trustedFragment(`${identifier(name)} := ${text}`);
    const value = duckdbType(type) === 'BLOB' ? `encode(${text})` : `try_cast(${text} AS ${duckdbType(type)})`;
    return trustedFragment(`${identifier(name)} := ${value}`);
  });
  return fields.length === 0
    ? []
    : [trustedFragment(`"partitionValues_parsed" := struct_pack(${joinFragments(fields, ', ')})`)];
}

/**
 * The `add` column by `delta.checkpoint.writeStatsAsJson` and `delta.checkpoint.writeStatsAsStruct` (PROTOCOL.md,
 * "Checkpoints"): names are physical, values typed, what does not fit its type is null.
 */
export function checkpointAdd(snapshot: Snapshot): CheckpointAdd {
  const { configuration } = snapshot.metadata;
  const json = booleanProperty(configuration, 'delta.checkpoint.writeStatsAsJson', true);
  const struct = booleanProperty(configuration, 'delta.checkpoint.writeStatsAsStruct', false);
  if (json && !struct) return { fragment: identifier('add'), parsed: NOTHING, structure: undefined };
  const stats = struct ? statsParsed(snapshot) : undefined;
  const pairs = [
    ...[...FIELDS, ...(json ? ['stats'] : [])].map((name) =>
      trustedFragment(`${identifier(name)} := "add".${identifier(name)}`),
    ),
    ...(stats === undefined
      ? []
      : [
          ...partitionsParsed(snapshot),
          trustedFragment(`"stats_parsed" := CASE WHEN parsed IS NOT NULL THEN ${stats.fragment} END`),
        ]),
  ];
  return {
    fragment: trustedFragment(`CASE WHEN "add" IS NOT NULL THEN struct_pack(${joinFragments(pairs, ', ')}) END`),
    parsed: stats === undefined ? NOTHING : PARSE,
    structure: stats === undefined ? undefined : renderExactJson(stats.shape),
  };
}

function quoteNumbers(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(quoteNumbers);
  const number = numberText(value);
  if (number !== undefined) return number;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, quoteNumbers(member as Json)]));
}

/** Stats for `from_json`: numbers that a double might not hold are text. Null when they are no JSON object. */
export function exactStats(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  try {
    const value = parseExactJson(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return renderExactJson(quoteNumbers(value));
  } catch {
    return null;
  }
}
