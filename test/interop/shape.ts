import type { Columns, CreateStep, MergeStep, Step } from './steps.js';
import type { ToolName } from './tools.js';

export type Maker = 'lakeledger' | Exclude<ToolName, 'kernel'>;

/** A kind of table. Each engine that can makes it, and every other one then reads and changes it. */
export interface Shape {
  readonly name: string;
  readonly columns: Columns;
  readonly partitionBy?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  /** A SELECT of DuckDB over `range(from, to) t(i)`: rows with `i::BIGINT AS id`, the first column. */
  readonly rows: (from: number, to: number) => string;
  /** What an update and a merge set: without columns, which would need an alias in a merge. */
  readonly set: Readonly<Record<string, string>>;
  /** What is done after the creation; the rows 0 to 30 by default. */
  readonly steps?: readonly Step[];
  /** Makes the table instead of the columns and properties, where only Spark knows how; `{table}` stands for the table. */
  readonly sparkCreate?: string;
  /** All by default. */
  readonly makers?: readonly Maker[];
  /** The table feature that keeps us from reading or writing. */
  readonly weRefuse?: { readonly read?: string; readonly write?: string };
  /** Engines that write it otherwise than the specification says, and how: they do not make or change it. */
  readonly miswrites?: Partial<Record<ToolName, string>>;
  /** A condition that holds for every row, whoever wrote it. */
  readonly always?: string;
  /** It has a change data feed. */
  readonly changes?: true;
  /** Older versions cannot be read any more. */
  readonly newestOnly?: true;
  /** Steps that every writer must refuse. */
  readonly violations?: readonly Step[];
  /** What the others do to it, from the id `base` on; see `handOf`. */
  readonly hand?: (base: number) => readonly Step[];
}

const MAKERS: readonly Maker[] = ['Spark', 'delta-rs', 'lakeledger'];

export function makersOf(shape: Shape): readonly Maker[] {
  return shape.makers ?? (shape.sparkCreate === undefined ? MAKERS : ['Spark']);
}

export function stepsOf(shape: Shape): readonly Step[] {
  return shape.steps ?? [{ do: 'append', rows: shape.rows(0, 30) }];
}

export function creation(shape: Shape): Step | CreateStep {
  if (shape.sparkCreate !== undefined) return { do: 'sql', text: shape.sparkCreate };
  const { columns, partitionBy, properties } = shape;
  return {
    do: 'create',
    columns,
    ...(partitionBy === undefined ? {} : { partitionBy }),
    ...(properties === undefined ? {} : { properties }),
  };
}

/**
 * What every engine does to the table of another: an append, a delete, an update and a merge, each over rows of the maker and over
 * rows of its own. `hand` is a number of its own, from 1 to 9, so that each changes other rows.
 */
export function handOf(shape: Shape, hand: number): readonly Step[] {
  const base = 1000 * hand;
  if (shape.hand !== undefined) return shape.hand(base);
  const merge: MergeStep = {
    do: 'merge',
    rows: `${shape.rows(20 + hand, 21 + hand)} UNION ALL ${shape.rows(base + 2, base + 3)} UNION ALL ${shape.rows(base + 5, base + 6)}`,
    on: 'target.id = source.id',
    matched: [{ and: `target.id = ${base + 2}`, delete: true }, { set: shape.set }],
    notMatched: [{ set: '*' }],
  };
  return [
    { do: 'append', rows: shape.rows(base, base + 4) },
    { do: 'delete', where: `id = ${hand} OR id = ${base}` },
    { do: 'update', where: `id = ${10 + hand} OR id = ${base + 1}`, set: shape.set },
    merge,
  ];
}
