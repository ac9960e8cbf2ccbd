import { LakeError } from '../../base/lake-error.js';
import type { Metadata, Protocol } from './actions.js';
import type { DeltaField, DeltaSchema, DeltaType } from './schema.js';

/** How logical columns lead to Parquet columns (PROTOCOL.md, "Column Mapping"). */
export type ColumnMappingMode = 'none' | 'name' | 'id';

export const MAPPING_MODE = 'delta.columnMapping.mode';
export const MAX_COLUMN_ID = 'delta.columnMapping.maxColumnId';
export const FIELD_ID = 'delta.columnMapping.id';
export const PHYSICAL_NAME = 'delta.columnMapping.physicalName';

/**
 * How a table maps its columns. The property counts only where the protocol has the feature: delta-rs makes tables that have the one
 * without the other, and names in their files are logical. Throws `DELTA_UNSUPPORTED` for a mode that the specification does not know.
 */
export function columnMappingMode(
  { configuration }: Pick<Metadata, 'configuration'>,
  protocol: Protocol,
  place: string,
): ColumnMappingMode {
  const mode = configuration[MAPPING_MODE] ?? 'none';
  const named = [...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])];
  if (mode === 'none' || (protocol.minReaderVersion !== 2 && !named.includes('columnMapping'))) return 'none';
  if (mode === 'name' || mode === 'id') return mode;
  throw new LakeError('DELTA_UNSUPPORTED', `this table has the unknown column mapping mode "${mode}"`, { place });
}

/** The name of a column in data files, statistics and partition values. Throws `DELTA_SCHEMA` when the table does not say it. */
export function physicalName(field: DeltaField, mode: ColumnMappingMode): string {
  if (mode === 'none') return field.name;
  const name = field.metadata[PHYSICAL_NAME];
  if (typeof name === 'string' && name !== '') return name;
  throw new LakeError('DELTA_SCHEMA', `column "${field.name}" has no ${PHYSICAL_NAME}, which column mapping needs`);
}

/** The id of a column. Throws `DELTA_SCHEMA` when the table does not say it. */
export function fieldId(field: DeltaField): number {
  const id = field.metadata[FIELD_ID];
  if (typeof id === 'number' && Number.isSafeInteger(id)) return id;
  throw new LakeError('DELTA_SCHEMA', `column "${field.name}" has no ${FIELD_ID}, which column mapping needs`);
}

/** The schema as data files have it: the same shape with physical names. */
export function physicalSchema(schema: DeltaSchema, mode: ColumnMappingMode): DeltaSchema {
  return mode === 'none' ? schema : { fields: physicalFields(schema.fields, mode) };
}

function physicalFields(fields: readonly DeltaField[], mode: ColumnMappingMode): DeltaField[] {
  return fields.map((field) => ({
    ...field,
    name: physicalName(field, mode),
    type: mapStructs(field.type, (inner) => physicalFields(inner, mode)),
  }));
}

/** The type with the fields of every struct in it replaced. */
export function mapStructs(
  type: DeltaType,
  change: (fields: readonly DeltaField[]) => readonly DeltaField[],
): DeltaType {
  switch (type.kind) {
    case 'primitive':
      return type;
    case 'array':
      return { ...type, element: mapStructs(type.element, change) };
    case 'map':
      return { ...type, key: mapStructs(type.key, change), value: mapStructs(type.value, change) };
    case 'struct':
      return { kind: 'struct', fields: change(type.fields) };
  }
}

const NESTED_IDS = 'delta.columnMapping.nested.ids';

/** Fields without what they say about column mapping: ids and names that another table gave them mean nothing in this one. */
export function withoutMapping(fields: readonly DeltaField[]): DeltaField[] {
  return fields.map((field) => {
    const { [FIELD_ID]: _id, [PHYSICAL_NAME]: _name, [NESTED_IDS]: _nested, ...metadata } = field.metadata;
    return { ...field, metadata, type: mapStructs(field.type, withoutMapping) };
  });
}

/**
 * Gives every field without one an id above `maxColumnId` and a physical name (`newName`), nested fields included; fields that have both keep them.
 */
export function assignColumnMapping(
  schema: DeltaSchema,
  options: { readonly maxColumnId: number; readonly newName: (field: DeltaField) => string },
): { readonly schema: DeltaSchema; readonly maxColumnId: number } {
  let last = options.maxColumnId;
  const visit = (fields: readonly DeltaField[]): DeltaField[] =>
    fields.map((field) => {
      const known = typeof field.metadata[FIELD_ID] === 'number';
      if (!known) last += 1;
      const metadata = {
        ...field.metadata,
        [FIELD_ID]: known ? field.metadata[FIELD_ID] : last,
        [PHYSICAL_NAME]: field.metadata[PHYSICAL_NAME] ?? options.newName(field),
      };
      return { ...field, metadata, type: mapStructs(field.type, visit) };
    });
  return { schema: { fields: visit(schema.fields) }, maxColumnId: last };
}
