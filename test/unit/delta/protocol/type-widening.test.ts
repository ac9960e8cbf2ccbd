import { describe, expect, it } from 'vitest';
import type { PrimitiveName, PrimitiveType } from '../../../../src/delta/protocol/schema.js';
import { canWiden, samePrimitive, withTypeChange } from '../../../../src/delta/protocol/type-widening.js';

const NAMES: readonly PrimitiveName[] = [
  'byte',
  'short',
  'integer',
  'long',
  'float',
  'double',
  'string',
  'boolean',
  'binary',
  'date',
  'timestamp',
  'timestamp_ntz',
  'decimal(9,0)',
  'decimal(10,0)',
  'decimal(10,2)',
  'decimal(12,2)',
  'decimal(12,3)',
  'decimal(13,4)',
  'decimal(20,0)',
  'decimal(22,2)',
  'decimal(38,18)',
  'decimal(38,38)',
];
const type = (name: PrimitiveName): PrimitiveType => ({ kind: 'primitive', name });

/** PROTOCOL.md, "Type Widening": everything else is illegal. */
const LEGAL: Readonly<Record<string, readonly PrimitiveName[]>> = {
  byte: [
    'short',
    'integer',
    'long',
    'double',
    'decimal(10,0)',
    'decimal(12,2)',
    'decimal(20,0)',
    'decimal(22,2)',
    'decimal(38,18)',
  ],
  short: [
    'integer',
    'long',
    'double',
    'decimal(10,0)',
    'decimal(12,2)',
    'decimal(20,0)',
    'decimal(22,2)',
    'decimal(38,18)',
  ],
  integer: ['long', 'double', 'decimal(10,0)', 'decimal(12,2)', 'decimal(20,0)', 'decimal(22,2)', 'decimal(38,18)'],
  long: ['decimal(20,0)', 'decimal(22,2)', 'decimal(38,18)'],
  float: ['double'],
  date: ['timestamp_ntz'],
  'decimal(9,0)': [
    'decimal(10,0)',
    'decimal(12,2)',
    'decimal(12,3)',
    'decimal(13,4)',
    'decimal(20,0)',
    'decimal(22,2)',
    'decimal(38,18)',
  ],
  'decimal(10,0)': ['decimal(12,2)', 'decimal(20,0)', 'decimal(22,2)', 'decimal(38,18)'],
  'decimal(10,2)': ['decimal(12,2)', 'decimal(12,3)', 'decimal(13,4)', 'decimal(22,2)', 'decimal(38,18)'],
  'decimal(12,2)': ['decimal(22,2)', 'decimal(38,18)'],
  'decimal(12,3)': ['decimal(13,4)', 'decimal(38,18)'],
  'decimal(13,4)': ['decimal(38,18)'],
  'decimal(20,0)': ['decimal(22,2)', 'decimal(38,18)'],
  'decimal(22,2)': ['decimal(38,18)'],
};

describe.each(NAMES)('%s', (from) => {
  it.each(NAMES)('to %s', (to) => {
    expect(canWiden(type(from), type(to))).toBe(LEGAL[from]?.includes(to) ?? false);
  });
});

describe('the record of changes', () => {
  it('grows and keeps what else is there', () => {
    const first = withTypeChange({ comment: 'x' }, { fromType: 'byte', toType: 'short' });
    expect(withTypeChange(first, { fromType: 'short', toType: 'long', fieldPath: 'element' })).toEqual({
      comment: 'x',
      'delta.typeChanges': [
        { fromType: 'byte', toType: 'short' },
        { fromType: 'short', toType: 'long', fieldPath: 'element' },
      ],
    });
  });

  it('is about primitive types', () => {
    expect(samePrimitive(type('long'), type('long'))).toBe(true);
    expect(samePrimitive(type('long'), type('integer'))).toBe(false);
    expect(samePrimitive({ kind: 'struct', fields: [] }, { kind: 'struct', fields: [] })).toBe(false);
  });
});
