import { type ColumnMappingMode, FIELD_ID, fieldId, physicalName } from './column-mapping.js';
import type { DeltaField, DeltaType } from './schema.js';

const ID = '__duckdb_field_id';

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The entries for what a type nests; elements, keys and values have no id of their own. */
function nested(type: DeltaType, mode: ColumnMappingMode): string[] {
  switch (type.kind) {
    case 'primitive':
      return [];
    case 'struct':
      return entries(type.fields, mode);
    case 'array':
      return wrapped('element', type.element, mode);
    case 'map':
      return [...wrapped('key', type.key, mode), ...wrapped('value', type.value, mode)];
  }
}

function wrapped(name: string, type: DeltaType, mode: ColumnMappingMode): string[] {
  const inner = nested(type, mode);
  return inner.length === 0 ? [] : [`${name}: {${inner.join(', ')}}`];
}

function entries(fields: readonly DeltaField[], mode: ColumnMappingMode): string[] {
  return fields.map((field) => {
    const inner = nested(field.type, mode);
    const id = fieldId(field);
    const value = inner.length === 0 ? String(id) : `{${[`${ID}: ${id}`, ...inner].join(', ')}}`;
    return `${quoted(physicalName(field, mode))}: ${value}`;
  });
}

/**
 * What follows FIELD_IDS in DuckDB's COPY: the ids of the columns by their physical names (PROTOCOL.md, "Writer Requirements for
 * Column Mapping"). Columns that are not the table's own have no id.
 */
export function fieldIds(fields: readonly DeltaField[], mode: ColumnMappingMode): string {
  const known = fields.filter((field) => field.metadata[FIELD_ID] !== undefined);
  return `{${entries(known, mode).join(', ')}}`;
}
