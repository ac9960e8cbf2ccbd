import { type DeltaField, type DeltaType, duckdbType } from './schema.js';

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether two types of one shape name all fields of their structs alike. */
export function sameFieldNames(from: DeltaType, to: DeltaType): boolean {
  if (from.kind === 'array' && to.kind === 'array') return sameFieldNames(from.element, to.element);
  if (from.kind === 'map' && to.kind === 'map') {
    return sameFieldNames(from.key, to.key) && sameFieldNames(from.value, to.value);
  }
  if (from.kind !== 'struct' || to.kind !== 'struct') return true;
  return from.fields.every((field, i) => {
    const other = to.fields[i];
    return other !== undefined && field.name === other.name && sameFieldNames(field.type, other.type);
  });
}

function structText(value: string, pair: { from: readonly DeltaField[]; to: readonly DeltaField[] }, depth: number) {
  const fields = pair.from.map((field, i) => {
    const other = pair.to[i] ?? field;
    const inner = rename(`(${value}).${quoted(field.name)}`, { from: field.type, to: other.type }, depth);
    return `${quoted(other.name)} := ${inner}`;
  });
  return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
}

function rename(value: string, { from, to }: { from: DeltaType; to: DeltaType }, depth: number): string {
  if (sameFieldNames(from, to)) return value;
  const item = `item${depth}`;
  if (from.kind === 'struct' && to.kind === 'struct') {
    return structText(value, { from: from.fields, to: to.fields }, depth);
  }
  if (from.kind === 'array' && to.kind === 'array') {
    const element = rename(item, { from: from.element, to: to.element }, depth + 1);
    return `list_transform(${value}, lambda ${item}: ${element})`;
  }
  if (from.kind === 'map' && to.kind === 'map') {
    const key = rename(`(${item}).key`, { from: from.key, to: to.key }, depth + 1);
    const entry = rename(`(${item}).value`, { from: from.value, to: to.value }, depth + 1);
    const entries = `list_transform(map_entries(${value}), lambda ${item}: struct_pack(key := ${key}, value := ${entry}))`;
    return `map_from_entries(${entries})`;
  }
  return value;
}

/**
 * SQL text that turns `value` (SQL text) of type `from` into one of type `to`, which has the same shape and other names
 * for the fields of its structs: DuckDB casts structs by name, never by position.
 */
export function renameStructs(value: string, from: DeltaType, to: DeltaType): string {
  const renamed = rename(value, { from, to }, 0);
  return renamed === value ? value : `CAST(${renamed} AS ${duckdbType(to)})`;
}
