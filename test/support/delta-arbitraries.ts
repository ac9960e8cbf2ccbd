import fc from 'fast-check';
import type { Layout, Operation } from './delta-operations.js';
import type { Condition, ModelRow } from './table-model.js';

export const layouts: fc.Arbitrary<Layout> = fc.record({
  partitioned: fc.boolean(),
  vectors: fc.boolean(),
  mapping: fc.constantFrom('none', 'name', 'id'),
  changes: fc.boolean(),
  v2: fc.boolean(),
  stamped: fc.boolean(),
});

const text = fc.constantFrom(null, '', 'a', 'b', "it's", 'ü', 'x=1/y', '50%41 #', 'NULL');
const row: fc.Arbitrary<ModelRow> = fc.record({
  id: fc.oneof({ weight: 20, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.constant(null) }),
  v: fc.oneof(fc.integer({ min: -5, max: 20 }), fc.constant(null)),
  s: text,
  p: text,
});
const rows = fc.array(row, { maxLength: 8 });
const uniqueRows = fc.uniqueArray(row, { maxLength: 8, selector: (r) => r['id'] });

const operator = fc.constantFrom('<', '<=', '=', '<>', '>=', '>');
export const condition: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition; leaf: Condition }>((tie) => ({
  leaf: fc.oneof(
    fc.record({
      kind: fc.constant('compare' as const),
      key: fc.constantFrom('id', 'v'),
      operator,
      value: fc.integer({ min: -2, max: 14 }),
    }),
    fc.record({
      kind: fc.constant('compare' as const),
      key: fc.constantFrom('s', 'p'),
      operator,
      value: text.map((t) => t ?? 'b'),
    }),
    fc.record({ kind: fc.constant('null' as const), key: fc.constantFrom('id', 'v', 's', 'p') }),
  ),
  node: fc.oneof(
    { depthSize: 'small', maxDepth: 2 },
    tie('leaf'),
    fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') }),
    fc.record({ kind: fc.constant('not' as const), inner: tie('node') }),
  ),
})).node;

const maybe = fc.option(condition, { nil: undefined });

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      rows,
      txn: fc.option(fc.nat(3), { nil: undefined, freq: 3 }),
      grow: fc.nat(9).map((n) => n === 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('overwrite' as const), rows }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('replaceWhere' as const), rows, bound: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replacePart' as const), rows, part: fc.constantFrom('a', 'b', "it's") }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), where: maybe }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('update' as const),
      where: condition,
      set: fc.constantFrom('v' as const, 's' as const, 'p' as const),
      text,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('merge' as const),
      source: uniqueRows,
      matched: fc.constantFrom('none' as const, 'delete' as const, 'update' as const, 'add' as const),
      matchedAnd: maybe,
      insert: fc.boolean(),
      insertAnd: maybe,
      bySource: fc.constantFrom('none' as const, 'none' as const, 'delete' as const, 'update' as const),
      bySourceAnd: maybe,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('optimize' as const), sort: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('compact' as const, 'checkpoint' as const, 'cleanLog' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('vacuum' as const),
      mode: fc.constantFrom('full' as const, 'lite' as const),
      everything: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), back: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('addColumn' as const),
      type: fc.constantFrom('INTEGER' as const, 'VARCHAR' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('renameColumn' as const, 'dropColumn' as const),
      which: fc.nat(5),
    }),
  },
);
