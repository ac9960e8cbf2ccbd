import { expect, it } from 'vitest';
import { parseSchema } from '../../../src/delta/protocol/schema.js';
import { assertTypeChanges } from '../../../src/delta/protocol/type-widening.js';

function schemaWith(change: object, nested = false) {
  const field = { name: 'a', type: 'long', nullable: true, metadata: { 'delta.typeChanges': [change] } };
  const outer = { name: 's', type: { type: 'struct', fields: [field] }, nullable: true, metadata: {} };
  return parseSchema(JSON.stringify({ type: 'struct', fields: [nested ? outer : field] }));
}

it.each([
  [{ fromType: 'short', toType: 'long' }],
  [{ fromType: 'decimal(6, 2)', toType: 'decimal(10,4)', fieldPath: 'element.value' }],
  [{ fromType: 'date', toType: 'timestamp_ntz' }],
])('%j is a change that readers know', (change) => {
  expect(() => assertTypeChanges(schemaWith(change), 't@1')).not.toThrow();
});

it.each([
  [{ fromType: 'string', toType: 'long' }],
  [{ fromType: 'long', toType: 'short' }],
  [{ toType: 'long' }],
  [{}],
])('%j is refused, also inside a struct', (change) => {
  for (const nested of [false, true]) {
    expect(() => assertTypeChanges(schemaWith(change, nested), 't@1')).toThrow(
      expect.objectContaining({ code: 'DELTA_UNSUPPORTED', place: 't@1', message: expect.stringContaining('"a"') }),
    );
  }
});
