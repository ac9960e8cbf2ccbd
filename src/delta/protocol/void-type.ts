import { LakeError } from '../../base/lake-error.js';
import type { DeltaField, DeltaSchema, DeltaType } from './schema.js';

function isVoid(type: DeltaType): boolean {
  return type.kind === 'primitive' && type.name === 'void';
}

function refuse(path: readonly string[]): LakeError {
  return new LakeError('DELTA_SCHEMA', `column "${path.join('.')}" has the type void where no data file can hold it`, {
    hint: 'give it another type first: a void column has no values',
  });
}

function storedType(type: DeltaType, path: readonly string[]): DeltaType {
  switch (type.kind) {
    case 'primitive':
      return type;
    case 'array':
      if (isVoid(type.element)) throw refuse(path);
      return { ...type, element: storedType(type.element, path) };
    case 'map':
      if (isVoid(type.key) || isVoid(type.value)) throw refuse(path);
      return { ...type, key: storedType(type.key, path), value: storedType(type.value, path) };
    case 'struct':
      return { kind: 'struct', fields: storedFields(type.fields, path) };
  }
}

function storedFields(fields: readonly DeltaField[], path: readonly string[]): DeltaField[] {
  const stored = fields.filter((field) => !isVoid(field.type));
  if (stored.length === 0) throw refuse(path);
  return stored.map((field) => ({ ...field, type: storedType(field.type, [...path, field.name]) }));
}

/**
 * The columns and fields that data files hold: all but those of type `void`. Throws `DELTA_SCHEMA` for schemas that no data file may be written
 * for (PROTOCOL.md, "Void Type").
 */
export function storedSchema(schema: DeltaSchema): DeltaSchema {
  return { fields: storedFields(schema.fields, []) };
}
