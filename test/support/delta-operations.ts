import { LakeError } from '../../src/base/lake-error.js';
import type { DeltaTable } from '../../src/delta/index.js';
import type { CleanLogResult } from '../../src/delta/maintain/clean-log.js';
import { columns as schemaOf, sql } from './delta.js';
import {
  type Condition,
  columnOf,
  conditionSql,
  type MergeModel,
  type ModelColumn,
  type ModelRow,
  meets,
  mergeRows,
  rowsSql,
  sum,
  type TableState,
  withRows,
} from './table-model.js';

/** One operation, in numbers that mean something in every state: a column is "the third one", a version "two back". */
export type Operation =
  | {
      readonly kind: 'append';
      readonly rows: readonly ModelRow[];
      readonly txn?: number | undefined;
      readonly grow: boolean;
    }
  | { readonly kind: 'overwrite'; readonly rows: readonly ModelRow[] }
  | { readonly kind: 'replaceWhere'; readonly rows: readonly ModelRow[]; readonly bound: number }
  | { readonly kind: 'replacePart'; readonly rows: readonly ModelRow[]; readonly part: string }
  | { readonly kind: 'delete'; readonly where?: Condition | undefined }
  | { readonly kind: 'update'; readonly where: Condition; readonly set: 'v' | 's' | 'p'; readonly text: string | null }
  | ({ readonly kind: 'merge' } & MergeModel)
  | { readonly kind: 'optimize'; readonly sort: boolean }
  | { readonly kind: 'compact' | 'checkpoint' | 'cleanLog' }
  | { readonly kind: 'vacuum'; readonly mode: 'full' | 'lite'; readonly everything: boolean }
  | { readonly kind: 'restore'; readonly back: number }
  | { readonly kind: 'addColumn'; readonly type: 'INTEGER' | 'VARCHAR' }
  | { readonly kind: 'renameColumn' | 'dropColumn'; readonly which: number };

export interface Layout {
  readonly partitioned: boolean;
  readonly vectors: boolean;
  readonly mapping: 'none' | 'name' | 'id';
  readonly changes: boolean;
  readonly v2: boolean;
  readonly stamped: boolean;
}

export function createLayout(table: DeltaTable, layout: Layout): Promise<boolean> {
  const on = (wanted: boolean, name: string, value = 'true') => (wanted ? { [name]: value } : {});
  return table.create({
    schema: schemaOf({ id: 'BIGINT', v: 'INTEGER', s: 'VARCHAR', p: 'VARCHAR' }),
    ...(layout.partitioned ? { partitionColumns: ['p'] } : {}),
    configuration: {
      'delta.checkpointInterval': '4',
      ...on(layout.vectors, 'delta.enableDeletionVectors'),
      ...on(layout.mapping !== 'none', 'delta.columnMapping.mode', layout.mapping),
      ...on(layout.changes, 'delta.enableChangeDataFeed'),
      ...on(layout.v2, 'delta.checkpointPolicy', 'v2'),
      ...on(layout.stamped, 'delta.enableInCommitTimestamps'),
    },
  });
}

export function firstState(layout: Layout): TableState {
  const columns: ModelColumn[] = [
    { key: 'id', name: 'id', type: 'BIGINT' },
    { key: 'v', name: 'v', type: 'INTEGER' },
    { key: 's', name: 's', type: 'VARCHAR' },
    { key: 'p', name: 'p', type: 'VARCHAR' },
  ];
  return { columns, rows: [], ...(layout.partitioned ? { partitionBy: 'p' } : {}) };
}

/** What a model knows besides the rows. */
export interface Model {
  readonly layout: Layout;
  readonly state: TableState;
  /** Counts the columns and names that were made. */
  readonly made: number;
  /** The newest `txn` of the test's application. */
  readonly txn: number;
  /** By version. */
  readonly versions: ReadonlyMap<number, TableState>;
}

const DAY = 86_400_000;

/** A lite vacuum needs the whole log, and says so. */
function ignoreCleanedLog(error: unknown): void {
  if (!(error instanceof LakeError) || error.code !== 'VACUUM_LITE') throw error;
}

function name(state: TableState, key: string): string | undefined {
  return columnOf(state, key)?.name;
}

function nextName({ made }: Model): string {
  // A name that a column had before, in turn with names that need quoting.
  return ['extra', 'v', 'Größe "q"', 'a.b', 's', 'x y'][made % 6] ?? 'extra';
}

function freeName(model: Model): string {
  const used = new Set(model.state.columns.map((column) => column.name.toLowerCase()));
  const plain = model.layout.mapping === 'none' ? `col_${model.made}` : nextName(model);
  return used.has(plain.toLowerCase()) ? `${plain}_${model.made}` : plain;
}

/** The model after an operation, and the operation on the table; undefined when it means nothing here. */
export interface Step {
  readonly model: Model;
  readonly run: (table: DeltaTable) => Promise<unknown>;
  /** The oldest version that is surely there afterwards; by default that of before. */
  readonly oldest?: (result: unknown, newest: number) => number | undefined;
  /** The rows are the same afterwards, whatever versions it makes. */
  readonly quiet?: boolean;
}

export function planStep(model: Model, operation: Operation): Step | undefined {
  const { state } = model;
  const after = (next: readonly ModelRow[], more: Partial<Model> = {}) => ({
    ...model,
    state: withRows(more.state ?? state, next),
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'state')),
  });
  switch (operation.kind) {
    case 'append': {
      const { txn } = operation;
      if (txn !== undefined && txn <= model.txn)
        return {
          model,
          run: (table) => table.append(sql(rowsSql(state, operation.rows)), { txn: { appId: 'model', version: txn } }),
        };
      const grown: TableState = operation.grow
        ? { ...state, columns: [...state.columns, { key: `k${model.made}`, name: freeName(model), type: 'INTEGER' }] }
        : state;
      const rows = operation.grow ? operation.rows.map((r, i) => ({ ...r, [`k${model.made}`]: i })) : operation.rows;
      return {
        model: after([...state.rows, ...rows], {
          state: grown,
          made: model.made + 1,
          ...(txn === undefined ? {} : { txn }),
        }),
        run: (table) =>
          table.append(sql(rowsSql(grown, rows)), {
            mergeSchema: operation.grow,
            ...(txn === undefined ? {} : { txn: { appId: 'model', version: txn } }),
          }),
      };
    }
    case 'overwrite':
      return { model: after(operation.rows), run: (table) => table.overwrite(sql(rowsSql(state, operation.rows))) };
    case 'replaceWhere': {
      const { bound } = operation;
      const inside = operation.rows.map((r) => ({ ...r, id: bound + Number(r['id'] ?? 0) }));
      const kept = state.rows.filter((r) => r['id'] == null || Number(r['id']) < bound);
      return {
        model: after([...kept, ...inside]),
        run: (table) => table.overwrite(sql(rowsSql(state, inside)), { replaceWhere: `"id" >= ${bound}` }),
      };
    }
    case 'replacePart': {
      const column = columnOf(state, 'p');
      if (column === undefined) return undefined;
      const where: Condition = { kind: 'compare', key: 'p', operator: '=', value: operation.part };
      const inside = operation.rows.map((r) => ({ ...r, p: operation.part }));
      return {
        model: after([...state.rows.filter((r) => !meets(state, where, r)), ...inside]),
        run: (table) => table.overwrite(sql(rowsSql(state, inside)), { replaceWhere: conditionSql(state, where) }),
      };
    }
    case 'delete': {
      const { where } = operation;
      return {
        model: after(where === undefined ? [] : state.rows.filter((r) => !meets(state, where, r))),
        run: (table) => table.delete(where === undefined ? {} : { where: conditionSql(state, where) }),
      };
    }
    case 'update': {
      const { where, set } = operation;
      const column = name(state, set);
      if (column === undefined) return undefined;
      const quoted = `"${column.replaceAll('"', '""')}"`;
      const value = set === 'v' ? `target.${quoted} + 1` : operation.text === null ? 'NULL' : '$text';
      return {
        model: after(
          state.rows.map((r) =>
            meets(state, where, r) ? { ...r, [set]: set === 'v' ? sum(r['v'], 1) : operation.text } : r,
          ),
        ),
        run: (table) =>
          table.update({
            where: conditionSql(state, where, 'target'),
            set: { [column]: value },
            params: value === '$text' ? { text: operation.text } : {},
          }),
      };
    }
    case 'merge':
      return planMerge(model, operation, after);
    case 'optimize': {
      const column = name(state, 's');
      const sortBy = operation.sort && column !== undefined ? ['id', column] : [];
      return { model, quiet: true, run: (table) => table.optimize({ sortBy }) };
    }
    case 'compact':
      return { model, quiet: true, run: async (table) => table.compactNear((await table.snapshot()).files) };
    case 'checkpoint':
      return { model, quiet: true, run: (table) => table.checkpoint() };
    case 'cleanLog':
      return {
        model,
        quiet: true,
        run: (table) => table.cleanLog({ now: Date.now() + 40 * DAY }),
        oldest: (result) => (result as CleanLogResult).oldestVersion,
      };
    case 'vacuum': {
      const retention = operation.everything ? { retentionHours: 0, force: true } : {};
      return {
        model,
        quiet: true,
        run: (table) => table.vacuum({ mode: operation.mode, ...retention }).catch(ignoreCleanedLog),
        oldest: (_result, newest) => (operation.everything ? newest : undefined),
      };
    }
    case 'restore': {
      const versions = [...model.versions.keys()].sort((a, b) => b - a);
      const version = versions[operation.back % versions.length] ?? 0;
      const target = model.versions.get(version) ?? state;
      return { model: { ...model, state: target }, run: (table) => table.restore({ version }) };
    }
    case 'addColumn': {
      const column: ModelColumn = { key: `k${model.made}`, name: freeName(model), type: operation.type };
      return {
        model: after(state.rows, { state: { ...state, columns: [...state.columns, column] }, made: model.made + 1 }),
        run: (table) => table.addColumns(schemaOf({ [column.name]: column.type }).fields),
      };
    }
    case 'renameColumn':
    case 'dropColumn':
      return planAlteration(model, operation.kind, operation.which);
  }
}

function planAlteration(model: Model, kind: 'renameColumn' | 'dropColumn', which: number): Step | undefined {
  const { state } = model;
  if (model.layout.mapping === 'none') return undefined;
  const able = state.columns.filter(
    ({ key }) => key !== 'id' && (kind === 'renameColumn' || key !== state.partitionBy),
  );
  const column = able[which % able.length];
  if (column === undefined) return undefined;
  if (kind === 'dropColumn') {
    const columns = state.columns.filter(({ key }) => key !== column.key);
    return {
      model: { ...model, state: withRows({ ...state, columns }, state.rows) },
      run: (table) => table.dropColumn([column.name]),
    };
  }
  const renamed = freeName(model);
  const columns = state.columns.map((c) => (c.key === column.key ? { ...c, name: renamed } : c));
  return {
    model: { ...model, state: { ...state, columns }, made: model.made + 1 },
    run: (table) => table.renameColumn([column.name], renamed),
  };
}

function planMerge(model: Model, merge: MergeModel, after: (rows: readonly ModelRow[]) => Model): Step | undefined {
  const { state } = model;
  const v = name(state, 'v');
  if (v === undefined && (merge.matched === 'add' || merge.bySource === 'update')) return undefined;
  if (merge.matched === 'none' && merge.bySource === 'none' && !merge.insert) return undefined;
  const quoted = `"${v?.replaceAll('"', '""')}"`;
  const and = (condition: Condition | undefined, alias: string) =>
    condition === undefined ? {} : { and: conditionSql(state, condition, alias) };
  const matched =
    merge.matched === 'delete'
      ? { delete: true as const }
      : { update: merge.matched === 'update' ? ('*' as const) : { [v ?? '']: `target.${quoted} + source.${quoted}` } };
  return {
    model: after(mergeRows(state, merge)),
    run: (table) =>
      table.mergeInto({
        source: sql(rowsSql(state, merge.source)),
        on: 'target.id = source.id',
        ...(merge.matched === 'none' ? {} : { whenMatched: [{ ...and(merge.matchedAnd, 'target'), ...matched }] }),
        ...(merge.insert ? { whenNotMatched: [{ ...and(merge.insertAnd, 'source'), insert: '*' as const }] } : {}),
        ...(merge.bySource === 'none'
          ? {}
          : {
              whenNotMatchedBySource: [
                {
                  ...and(merge.bySourceAnd, 'target'),
                  ...(merge.bySource === 'delete' ? { delete: true as const } : { update: { [v ?? '']: '-1' } }),
                },
              ],
            }),
      }),
  };
}
