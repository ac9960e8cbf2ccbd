import { LakeError } from '../../base/lake-error.js';
import { checkFieldNames, type DeltaField, type DeltaSchema, type DeltaType } from './schema.js';
import { canWiden, samePrimitive, type TypeChange, withTypeChange } from './type-widening.js';

/** Names from the top-level column down; `element`, `key` and `value` lead into arrays and maps. */
export type FieldPath = readonly string[];

export interface EvolutionOptions {
  /** Whether the table has `delta.enableTypeWidening`. */
  readonly widen: boolean;
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function schemaError(path: FieldPath, problem: string, hint?: string): LakeError {
  return new LakeError('DELTA_SCHEMA', `column "${path.join('.')}" ${problem}`, {
    exitCode: 1,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A type that has grown, and what changed in it outside of structs. */
interface Grown {
  readonly type: DeltaType;
  readonly changes: readonly TypeChange[];
}

function nestedChanges(name: string, changes: readonly TypeChange[]): TypeChange[] {
  return changes.map((change) => ({
    ...change,
    fieldPath: change.fieldPath === undefined ? name : `${name}.${change.fieldPath}`,
  }));
}

function growType(table: DeltaType, incoming: DeltaType, at: { path: FieldPath; options: EvolutionOptions }): Grown {
  const inside = (name: string) => ({ ...at, path: [...at.path, name] });
  if (table.kind === 'struct' && incoming.kind === 'struct') {
    return { type: { kind: 'struct', fields: growFields(table.fields, incoming.fields, at) }, changes: [] };
  }
  if (table.kind === 'array' && incoming.kind === 'array') {
    const element = growType(table.element, incoming.element, inside('element'));
    return { type: { ...table, element: element.type }, changes: nestedChanges('element', element.changes) };
  }
  if (table.kind === 'map' && incoming.kind === 'map') {
    const key = growType(table.key, incoming.key, inside('key'));
    const value = growType(table.value, incoming.value, inside('value'));
    const changes = [...nestedChanges('key', key.changes), ...nestedChanges('value', value.changes)];
    return { type: { ...table, key: key.type, value: value.type }, changes };
  }
  if (table.kind !== 'primitive' || incoming.kind !== 'primitive') {
    if (table.kind === incoming.kind) return { type: table, changes: [] };
    throw schemaError(at.path, `is of type ${table.kind} in the table and of type ${incoming.kind} in the new rows`);
  }
  if (samePrimitive(table, incoming) || !at.options.widen || !canWiden(table, incoming))
    return { type: table, changes: [] };
  return { type: incoming, changes: [{ fromType: table.name, toType: incoming.name }] };
}

function growFields(
  table: readonly DeltaField[],
  incoming: readonly DeltaField[],
  at: { path: FieldPath; options: EvolutionOptions },
): DeltaField[] {
  const grown = table.map((field) => {
    const other = incoming.find(({ name }) => sameName(name, field.name));
    if (other === undefined) return field;
    const { type, changes } = growType(field.type, other.type, { ...at, path: [...at.path, field.name] });
    const metadata = changes.reduce((known, change) => withTypeChange(known, change), field.metadata);
    return { ...field, type, metadata };
  });
  const added = incoming.filter(({ name }) => !table.some((field) => sameName(field.name, name)));
  return [...grown, ...added.map((field) => ({ ...field, nullable: true }))];
}

/**
 * The table's schema grown by what new rows have: columns and struct fields that it does not know come last and are nullable,
 * and types become wider where the options and Delta allow it. Everything else stays. Throws `DELTA_SCHEMA` for a column that is a
 * struct, array or map on one side only.
 */
export function mergeSchemas(table: DeltaSchema, incoming: DeltaSchema, options: EvolutionOptions): DeltaSchema {
  return { fields: growFields(table.fields, incoming.fields, { path: [], options }) };
}

type FieldChange = (fields: readonly DeltaField[], index: number) => readonly DeltaField[];

/** The schema with the fields around the one at `path` changed. Throws `DELTA_SCHEMA` when there is none. */
export function changeField(schema: DeltaSchema, path: FieldPath, change: FieldChange): DeltaSchema {
  return { fields: changeFields(schema.fields, { path, done: [] }, change) };
}

function changeFields(
  fields: readonly DeltaField[],
  { path, done }: { path: FieldPath; done: FieldPath },
  change: FieldChange,
): readonly DeltaField[] {
  const [name, ...rest] = path;
  const index = fields.findIndex((field) => name !== undefined && sameName(field.name, name));
  const field = fields[index];
  if (name === undefined || field === undefined) throw schemaError([...done, ...path], 'is not in the schema');
  if (rest.length === 0) return change(fields, index);
  const type = changeType(field.type, { path: rest, done: [...done, field.name] }, change);
  return fields.with(index, { ...field, type });
}

function changeType(type: DeltaType, at: { path: FieldPath; done: FieldPath }, change: FieldChange): DeltaType {
  const [name, ...rest] = at.path;
  const inside = { path: rest, done: [...at.done, name ?? ''] };
  if (type.kind === 'struct') return { kind: 'struct', fields: changeFields(type.fields, at, change) };
  if (type.kind === 'array' && name === 'element')
    return { ...type, element: changeType(type.element, inside, change) };
  if (type.kind === 'map' && name === 'key') return { ...type, key: changeType(type.key, inside, change) };
  if (type.kind === 'map' && name === 'value') return { ...type, value: changeType(type.value, inside, change) };
  throw schemaError([...at.done, ...at.path], 'is not in the schema');
}

/** The schema with new nullable columns at its end. Throws `DELTA_SCHEMA` when one is there already or differs only in case. */
export function addColumns(schema: DeltaSchema, columns: readonly DeltaField[]): DeltaSchema {
  const required = columns.find((column) => !column.nullable);
  if (required !== undefined)
    throw schemaError([required.name], 'must be nullable: the rows that are there have no value for it');
  const fields = [...schema.fields, ...columns];
  checkFieldNames(fields);
  return { fields };
}

/** The schema with a field under another name. For tables with column mapping: files keep their names. */
export function renameField(schema: DeltaSchema, path: FieldPath, name: string): DeltaSchema {
  return changeField(schema, path, (fields, index) => {
    const renamed = fields.map((field, i) => (i === index ? { ...field, name } : field));
    checkFieldNames(renamed, path.slice(0, -1));
    return renamed;
  });
}

/** The schema without a field. For tables with column mapping: files keep the values, and no later field finds them. */
export function dropField(schema: DeltaSchema, path: FieldPath): DeltaSchema {
  return changeField(schema, path, (fields, index) => {
    if (fields.length === 1) throw schemaError(path, 'is the only one: a table or struct needs at least one field');
    return fields.filter((_, i) => i !== index);
  });
}

/** The schema with a field that may be NULL. */
export function relaxField(schema: DeltaSchema, path: FieldPath): DeltaSchema {
  return changeField(schema, path, (fields, index) =>
    fields.map((field, i) => (i === index ? { ...field, nullable: true } : field)),
  );
}

/** The schema with a field of a wider type, the change recorded. Throws `DELTA_SCHEMA` when Delta does not allow it. */
export function widenField(schema: DeltaSchema, path: FieldPath, to: DeltaType): DeltaSchema {
  return changeField(schema, path, (fields, index) =>
    fields.map((field, i) => {
      if (i !== index || samePrimitive(field.type, to)) return field;
      const { type, changes } = growType(field.type, to, { path, options: { widen: true } });
      if (changes.length === 0)
        throw schemaError(
          path,
          'cannot take this type',
          'types may only become wider: see "Type Widening" in docs/delta.md',
        );
      const metadata = changes.reduce((known, change) => withTypeChange(known, change), field.metadata);
      return { ...field, type, metadata };
    }),
  );
}
