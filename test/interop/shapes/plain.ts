import type { Shape } from '../shape.js';

export const COLUMNS = { id: 'BIGINT', name: 'VARCHAR', n: 'INTEGER' };

export const rows = (from: number, to: number) =>
  `SELECT i::BIGINT AS id, CASE WHEN i % 5 <> 4 THEN 'n' || i END AS name, (i % 7)::INTEGER AS n FROM range(${from}, ${to}) t(i)`;

export const set = { name: "'changed'", n: '-1' };

const BASE = { columns: COLUMNS, rows, set } as const;

/** What is done to a table, over columns of every day. */
export const PLAIN: readonly Shape[] = [
  { ...BASE, name: 'empty', steps: [] },
  {
    ...BASE,
    name: 'appended to',
    steps: [
      { do: 'append', rows: rows(0, 20) },
      { do: 'append', rows: rows(20, 30) },
    ],
  },
  {
    ...BASE,
    name: 'deleted from, updated, merged into',
    steps: [
      { do: 'append', rows: rows(0, 40) },
      { do: 'delete', where: 'id >= 35' },
      { do: 'update', where: 'n = 3', set: { name: "'u' || name", n: 'n + 1' } },
      {
        do: 'merge',
        rows: rows(25, 45),
        on: 'target.id = source.id',
        matched: [
          { and: 'source.id = 30', delete: true },
          { and: 'source.id < 28', set: { name: 'source.name', n: 'target.n + source.n' } },
          { set: '*' },
        ],
        notMatched: [{ and: 'source.id < 40', set: { id: 'source.id', name: "'inserted'", n: 'source.n' } }],
      },
    ],
  },
  {
    ...BASE,
    name: 'merged by source',
    steps: [
      { do: 'append', rows: rows(0, 40) },
      {
        do: 'merge',
        rows: rows(0, 32),
        on: 'target.id = source.id',
        notMatchedBySource: [{ and: 'target.id > 36', delete: true }, { set: { name: "'old'" } }],
      },
    ],
  },
  {
    ...BASE,
    name: 'overwritten',
    steps: [
      { do: 'append', rows: rows(0, 20) },
      { do: 'overwrite', rows: rows(0, 30) },
    ],
  },
  {
    ...BASE,
    name: 'overwritten where',
    partitionBy: ['n'],
    steps: [
      { do: 'append', rows: rows(0, 42) },
      { do: 'overwrite', where: 'n = 2', rows: `SELECT * REPLACE ('new' AS name) FROM (${rows(0, 30)}) WHERE n = 2` },
      { do: 'overwrite', where: 'id >= 30', rows: rows(30, 33) },
    ],
  },
  {
    ...BASE,
    name: 'optimized',
    steps: [0, 6, 12, 18, 24]
      .map((from) => ({ do: 'append', rows: rows(from, from + 6) }) as const)
      .flatMap((step, i) => (i < 4 ? [step] : [step, { do: 'optimize' } as const])),
  },
  {
    ...BASE,
    name: 'vacuumed',
    newestOnly: true,
    steps: [
      { do: 'append', rows: rows(0, 40) },
      { do: 'delete', where: 'id >= 35' },
      { do: 'overwrite', rows: rows(0, 30) },
      { do: 'vacuum' },
    ],
  },
  {
    ...BASE,
    name: 'restored',
    steps: [
      { do: 'append', rows: rows(0, 30) },
      { do: 'delete', where: 'id < 20' },
      { do: 'restore', step: 1 },
    ],
  },
  {
    ...BASE,
    name: 'written by applications',
    steps: [
      { do: 'append', rows: rows(0, 20), txn: { appId: 'loader', version: 1 } },
      { do: 'append', rows: rows(20, 30), txn: { appId: 'loader', version: 2 } },
    ],
  },
  {
    ...BASE,
    name: 'with properties',
    properties: { 'delta.checkpointInterval': '3', 'delta.dataSkippingNumIndexedCols': '1' },
    steps: [
      { do: 'append', rows: rows(0, 30) },
      { do: 'properties', set: { 'delta.logRetentionDuration': 'interval 60 days', team: 'data' } },
    ],
  },
  {
    ...BASE,
    name: 'checkpoint, old log gone',
    newestOnly: true,
    steps: [
      { do: 'append', rows: rows(0, 20) },
      { do: 'delete', where: 'id = 7' },
      { do: 'checkpoint' },
      { do: 'append', rows: rows(20, 30) },
      { do: 'forget' },
    ],
  },
  {
    ...BASE,
    name: 'V2 checkpoint, old log gone',
    newestOnly: true,
    properties: { 'delta.checkpointPolicy': 'v2' },
    steps: [
      { do: 'append', rows: rows(0, 20) },
      { do: 'delete', where: 'id = 7' },
      { do: 'checkpoint' },
      { do: 'append', rows: rows(20, 30) },
      { do: 'forget' },
    ],
  },
];
