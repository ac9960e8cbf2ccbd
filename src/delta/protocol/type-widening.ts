import { LakeError } from '../../base/lake-error.js';
import {
  type DeltaField,
  type DeltaSchema,
  type DeltaType,
  decimalShape,
  type PrimitiveName,
  type PrimitiveType,
} from './schema.js';

export const TYPE_CHANGES = 'delta.typeChanges';

/** What whole numbers may become, narrow to wide, and the decimal digits that hold them. */
const WHOLE: Readonly<Record<string, { readonly rank: number; readonly digits: number }>> = {
  byte: { rank: 1, digits: 10 },
  short: { rank: 2, digits: 10 },
  integer: { rank: 3, digits: 10 },
  long: { rank: 4, digits: 20 },
};

/** Whether every value of `from` is one of `to` and Delta allows the change (PROTOCOL.md, "Type Widening"). */
export function canWiden(from: PrimitiveType, to: PrimitiveType): boolean {
  const whole = WHOLE[from.name];
  const shape = decimalShape(to);
  if (whole !== undefined) {
    const wider = WHOLE[to.name];
    if (wider !== undefined) return wider.rank > whole.rank;
    if (to.name === 'double') return from.name !== 'long';
    return shape !== undefined && shape.precision - shape.scale >= whole.digits;
  }
  if (from.name === 'float') return to.name === 'double';
  if (from.name === 'date') return to.name === 'timestamp_ntz';
  const before = decimalShape(from);
  if (before === undefined || shape === undefined) return false;
  const more = shape.precision - before.precision;
  return shape.scale >= before.scale && more >= shape.scale - before.scale && (more > 0 || shape.scale > before.scale);
}

/** One entry of `delta.typeChanges` (PROTOCOL.md, "Type Change Metadata"). */
export interface TypeChange {
  readonly fromType: PrimitiveName;
  readonly toType: PrimitiveName;
  /** `element`, `key`, `value`, joined by dots: where in the column's arrays and maps. */
  readonly fieldPath?: string;
}

/** The metadata of a field with one more change recorded. */
export function withTypeChange(
  metadata: Readonly<Record<string, unknown>>,
  change: TypeChange,
): Record<string, unknown> {
  const before = metadata[TYPE_CHANGES];
  return { ...metadata, [TYPE_CHANGES]: [...(Array.isArray(before) ? before : []), change] };
}

/** Whether both are the same type of the same shape; names of struct fields and nullability aside. */
export function samePrimitive(a: DeltaType, b: DeltaType): boolean {
  return a.kind === 'primitive' && b.kind === 'primitive' && a.name === b.name;
}

function* changesIn(fields: readonly DeltaField[]): Generator<readonly [column: string, change: unknown]> {
  for (const { name, metadata, type } of fields) {
    const changes = metadata[TYPE_CHANGES];
    for (const change of Array.isArray(changes) ? changes : []) yield [name, change];
    for (const inner of structsIn(type)) yield* changesIn(inner);
  }
}

function structsIn(type: DeltaType): (readonly DeltaField[])[] {
  switch (type.kind) {
    case 'primitive':
      return [];
    case 'struct':
      return [type.fields];
    case 'array':
      return structsIn(type.element);
    case 'map':
      return [...structsIn(type.key), ...structsIn(type.value)];
  }
}

function isKnown(change: unknown): boolean {
  const { fromType, toType } = (change ?? {}) as Partial<Record<string, unknown>>;
  if (typeof fromType !== 'string' || typeof toType !== 'string') return false;
  const primitive = (name: string): PrimitiveType => ({ kind: 'primitive', name: name as PrimitiveName });
  return canWiden(primitive(fromType), primitive(toType));
}

/** Throws `DELTA_UNSUPPORTED` when a column went through a change of type that is not known (PROTOCOL.md, "Reader Requirements for Type Widening"). */
export function assertTypeChanges(schema: DeltaSchema, place: string): void {
  for (const [column, change] of changesIn(schema.fields)) {
    if (isKnown(change)) continue;
    throw new LakeError(
      'DELTA_UNSUPPORTED',
      `column "${column}" went through a change of type that the Delta table feature "typeWidening" does not have: ${JSON.stringify(change)}`,
      { place },
    );
  }
}
