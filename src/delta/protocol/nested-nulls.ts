import type { DeltaField, DeltaType } from './schema.js';

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function anyOf(terms: readonly (string | undefined)[]): string | undefined {
  const known = terms.filter((term) => term !== undefined);
  return known.length === 0 ? undefined : `(${known.join(' OR ')})`;
}

/** True where `list` (SQL text) has a NULL that it must not have, or an item with one inside. */
function inItems(list: string, { type, nullable }: { type: DeltaType; nullable: boolean }, depth: number) {
  const item = `item${depth}`;
  const wrong = anyOf([nullable ? undefined : `${item} IS NULL`, forbiddenNulls(item, type, depth + 1)]);
  return wrong === undefined ? undefined : `len(list_filter(${list}, lambda ${item}: ${wrong})) > 0`;
}

function inFields(value: string, fields: readonly DeltaField[], depth: number): string | undefined {
  const wrong = fields.map((field) => {
    const inner = `(${value}).${quoted(field.name)}`;
    return anyOf([field.nullable ? undefined : `${inner} IS NULL`, forbiddenNulls(inner, field.type, depth)]);
  });
  const any = anyOf(wrong);
  return any === undefined ? undefined : `(${value} IS NOT NULL AND ${any})`;
}

/**
 * SQL text that is true where `value` (SQL text) holds a NULL inside that its type does not allow: in a struct field that is not
 * nullable, an array without `containsNull`, a map without `valueContainsNull`. Undefined when the type allows all of them.
 */
export function forbiddenNulls(value: string, type: DeltaType, depth = 0): string | undefined {
  switch (type.kind) {
    case 'primitive':
      return undefined;
    case 'struct':
      return inFields(value, type.fields, depth);
    case 'array':
      return inItems(value, { type: type.element, nullable: type.containsNull }, depth);
    case 'map':
      return anyOf([
        inItems(`map_keys(${value})`, { type: type.key, nullable: true }, depth),
        inItems(`map_values(${value})`, { type: type.value, nullable: type.valueContainsNull }, depth),
      ]);
  }
}
