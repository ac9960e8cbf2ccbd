import type { Shape } from '../shape.js';
import type { Step } from '../steps.js';
import { COLUMNS, rows, set } from './plain.js';

const BASE = { columns: COLUMNS, rows, set } as const;

const ROW_CHANGES: readonly Step[] = [
  { do: 'append', rows: rows(0, 40) },
  { do: 'delete', where: 'id >= 35' },
  { do: 'update', where: 'n = 3', set: { name: "'updated'" } },
  {
    do: 'merge',
    rows: rows(25, 45),
    on: 'target.id = source.id',
    matched: [
      { and: 'source.id = 30', delete: true },
      { and: 'source.id < 28', set: { name: 'source.name', n: 'target.n + 100' } },
    ],
    notMatched: [{ and: 'source.id < 40', set: '*' }],
  },
  { do: 'append', rows: rows(50, 55) },
];

const DELETION_VECTORS = { 'delta.enableDeletionVectors': 'true' };
const CHANGE_FEED = { 'delta.enableChangeDataFeed': 'true' };
const BY_NAME = { 'delta.columnMapping.mode': 'name' };

const before = (first: number, end: number) =>
  `SELECT i::BIGINT AS id, 'n' || i AS name, 'p' || i % 3 AS part, {'a': i::INTEGER, 'b': 'b' || i} AS s, i AS gone FROM range(${first}, ${end}) t(i)`;
const after = (first: number, end: number) =>
  `SELECT i::BIGINT AS id, 'n' || i AS title, 'p' || i % 3 AS team, {'a': i::INTEGER, 'c': 'b' || i} AS s FROM range(${first}, ${end}) t(i)`;

function renamed(name: string, mode: string): Shape {
  return {
    name,
    columns: { id: 'BIGINT', name: 'VARCHAR', part: 'VARCHAR', s: 'STRUCT(a INTEGER, b VARCHAR)', gone: 'BIGINT' },
    partitionBy: ['part'],
    properties: { 'delta.columnMapping.mode': mode },
    rows: after,
    set: { title: "'changed'" },
    steps: [
      { do: 'append', rows: before(0, 20) },
      { do: 'rename', column: 'name', to: 'title' },
      { do: 'rename', column: 'part', to: 'team' },
      { do: 'rename', column: 's.b', to: 'c' },
      { do: 'drop', column: 'gone' },
      { do: 'append', rows: after(20, 30) },
    ],
  };
}

const odd = (first: number, end: number) =>
  `SELECT i::BIGINT AS id, i AS "a b", 'x' || i AS "ü,;{}()=", {'in side': i::INTEGER} AS "s.t" FROM range(${first}, ${end}) t(i)`;

const wide = (first: number, end: number) =>
  `SELECT i::BIGINT AS id, (i * 1000)::INTEGER AS n, (i / 3)::DOUBLE AS f, (i * 10000000000)::BIGINT AS m FROM range(${first}, ${end}) t(i)`;

/** Table features and properties. */
export const FEATURES: readonly Shape[] = [
  { ...BASE, name: 'deletion vectors', properties: DELETION_VECTORS, steps: ROW_CHANGES },
  {
    ...BASE,
    name: 'deletion vectors, partitioned, optimized',
    partitionBy: ['n'],
    properties: DELETION_VECTORS,
    steps: [
      { do: 'append', rows: rows(0, 40) },
      { do: 'delete', where: 'id >= 35 OR id = 33' },
      { do: 'optimize' },
      { do: 'delete', where: 'id = 32' },
      { do: 'checkpoint' },
    ],
  },
  { ...BASE, name: 'change data feed', properties: CHANGE_FEED, steps: ROW_CHANGES, changes: true },
  {
    ...BASE,
    name: 'change data feed, partitioned',
    partitionBy: ['n'],
    properties: CHANGE_FEED,
    steps: [...ROW_CHANGES, { do: 'overwrite', where: 'n = 1', rows: `SELECT * FROM (${rows(0, 30)}) WHERE n = 1` }],
    changes: true,
  },
  {
    ...BASE,
    name: 'change data feed with deletion vectors',
    properties: { ...CHANGE_FEED, ...DELETION_VECTORS },
    steps: ROW_CHANGES,
    changes: true,
  },
  renamed('column mapping by name', 'name'),
  renamed('column mapping by id', 'id'),
  {
    name: 'odd column names',
    columns: { id: 'BIGINT', 'a b': 'BIGINT', 'ü,;{}()=': 'VARCHAR', 's.t': 'STRUCT("in side" INTEGER)' },
    properties: BY_NAME,
    rows: odd,
    set: { 'a b': '-1' },
  },
  {
    ...BASE,
    name: 'column mapping with deletion vectors and change data feed',
    properties: { ...BY_NAME, ...CHANGE_FEED, ...DELETION_VECTORS },
    steps: ROW_CHANGES,
    changes: true,
  },
  {
    ...BASE,
    name: 'NOT NULL and CHECK',
    columns: { ...COLUMNS, id: 'BIGINT NOT NULL' },
    steps: [
      { do: 'append', rows: rows(0, 20) },
      { do: 'constraint', name: 'n_is_small', check: 'n < 100' },
      { do: 'append', rows: rows(20, 30) },
    ],
    violations: [
      { do: 'append', rows: `SELECT NULL::BIGINT AS id, 'x' AS name, 1::INTEGER AS n` },
      { do: 'append', rows: `SELECT 77::BIGINT AS id, 'x' AS name, 100::INTEGER AS n` },
      { do: 'update', where: 'id = 15', set: { n: '100' } },
    ],
  },
  {
    ...BASE,
    name: 'append-only',
    properties: { 'delta.appendOnly': 'true' },
    hand: (base) => [{ do: 'append', rows: rows(base, base + 4) }],
    violations: [
      { do: 'delete', where: 'id = 15' },
      { do: 'update', where: 'id = 15', set: { n: '100' } },
    ],
  },
  {
    name: 'added columns',
    columns: { id: 'BIGINT', a: 'VARCHAR', s: 'STRUCT(x INTEGER)' },
    rows: (first, end) =>
      `SELECT i::BIGINT AS id, 'a' || i AS a, {'x': i::INTEGER} AS s, i / 2 AS b, 'c' || i AS c FROM range(${first}, ${end}) t(i)`,
    set: { b: '0.5', c: "'changed'" },
    steps: [
      { do: 'append', rows: `SELECT i::BIGINT AS id, 'a' || i AS a, {'x': i::INTEGER} AS s FROM range(20) t(i)` },
      { do: 'addColumns', columns: { b: 'DOUBLE' } },
      {
        do: 'append',
        mergeSchema: true,
        rows: `SELECT i::BIGINT AS id, 'a' || i AS a, {'x': i::INTEGER} AS s, i / 2 AS b, 'c' || i AS c FROM range(20, 30) t(i)`,
      },
    ],
  },
  {
    name: 'schema overwritten',
    columns: { id: 'BIGINT', a: 'VARCHAR' },
    rows,
    set,
    steps: [
      { do: 'append', rows: `SELECT i::BIGINT AS id, 'a' || i AS a FROM range(20) t(i)` },
      { do: 'overwrite', overwriteSchema: true, rows: rows(0, 30) },
    ],
  },
  {
    name: 'widened types',
    columns: { id: 'BIGINT', n: 'TINYINT', f: 'FLOAT', m: 'INTEGER' },
    properties: { 'delta.enableTypeWidening': 'true' },
    rows: wide,
    set: { f: '0.1' },
    steps: [
      {
        do: 'append',
        rows: 'SELECT i::BIGINT AS id, i::TINYINT AS n, (i / 2)::FLOAT AS f, i::INTEGER AS m FROM range(20) t(i)',
      },
      { do: 'widen', column: 'n', type: 'SMALLINT' },
      { do: 'widen', column: 'n', type: 'INTEGER' },
      { do: 'widen', column: 'f', type: 'DOUBLE' },
      { do: 'widen', column: 'm', type: 'BIGINT' },
      { do: 'append', rows: wide(20, 30) },
    ],
  },
  {
    ...BASE,
    name: 'in-commit timestamps',
    properties: { 'delta.enableInCommitTimestamps': 'true' },
    steps: ROW_CHANGES,
  },
];
