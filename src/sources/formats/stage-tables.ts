import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { ColumnKind, FileColumn, FileFormat, StagedGroup } from './model.js';

/** Layouts of JSON files that get a table of their own; the files of further ones share one with all their columns. */
const JSON_LAYOUTS = 32;

/** Distinguishes the tables and files of the stages of a process. */
let stages = 0;

/** The names that columns have in the stage: `c0`, `c1` … */
export function stageColumns(count: number): SqlFragment[] {
  return Array.from({ length: count }, (_, i) => identifier(`c${i}`));
}

/** A file name that DuckDB takes as it is and not as a glob. */
export function literalName(file: string): string {
  return file.replaceAll(/[*?[]/g, '[$&]');
}

interface Copy {
  readonly no: number;
  readonly path: string;
  /** For each column of the layout, the number or the name of the column of the copy; undefined when it lacks it. */
  readonly from: readonly (number | string | undefined)[];
}

/** The place of files of one layout: a temporary table for small ones, Parquet files for large ones. */
export interface Layout {
  readonly table: SqlFragment;
  readonly columns: FileColumn[];
  readonly files: Map<number, readonly FileColumn[]>;
  readonly copies: Copy[];
  /** Columns that the table has; undefined when there is no table yet. */
  made: number | undefined;
}

/** Where the rows of a stage are. */
export class StageTables {
  readonly prefix: string;
  readonly #session: Session;
  readonly #layouts = new Map<string, Layout>();
  #jsonLayouts = 0;

  constructor(session: Session) {
    this.#session = session;
    this.prefix = `_stage_${process.pid}_${++stages}`;
  }

  /** The layout for files with these columns. */
  layout(format: FileFormat, columns: readonly FileColumn[]): Layout {
    const names = columns.map(({ name }) => name);
    // The order of the keys of a JSON object means nothing.
    const facts = format === 'json' ? names.toSorted() : columns.map(({ name, type }) => [name, type]);
    const key = JSON.stringify([format, facts]);
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    if (format === 'json' && ++this.#jsonLayouts > JSON_LAYOUTS) return this.#shared(columns);
    return this.#new(key, columns);
  }

  /** The layout that grows with every key that comes. */
  #shared(columns: readonly FileColumn[]): Layout {
    const layout = this.#layouts.get('shared') ?? this.#new('shared', []);
    const names = new Set(layout.columns.map(({ name }) => name));
    layout.columns.push(...columns.filter(({ name }) => !names.has(name)));
    return layout;
  }

  #new(key: string, columns: readonly FileColumn[]): Layout {
    const table = identifier(`${this.prefix}_${this.#layouts.size}`);
    const layout: Layout = { table, columns: [...columns], files: new Map(), copies: [], made: undefined };
    this.#layouts.set(key, layout);
    return layout;
  }

  /** Makes the table of a layout, or gives it the columns that it lacks. */
  async prepare(layout: Layout): Promise<void> {
    const count = layout.columns.length;
    const names = stageColumns(count);
    const { table } = layout;
    if (layout.made === undefined) {
      const columns = names.map((name, i) => trustedFragment(`${name} ${duckdbType(layout.columns[i])}`));
      await this.#session.run(
        fillSql(readSqlFile('sources', 'stage_create_table'), { table, columns: joinFragments(columns, ', ') }),
      );
      layout.made = count;
    }
    for (const column of names.slice(layout.made)) {
      await this.#session.run(fillSql(readSqlFile('sources', 'stage_add_column'), { table, column }));
    }
    layout.made = count;
  }

  /** Removes what a file has left. */
  async remove(no: number): Promise<void> {
    for (const layout of this.#layouts.values()) {
      if (!layout.files.delete(no)) continue;
      const { table } = layout;
      layout.copies.splice(0, Infinity, ...layout.copies.filter((copy) => copy.no !== no));
      if (layout.made !== undefined) {
        await this.#session.run(fillSql(readSqlFile('sources', 'stage_delete_file'), { table }), { no });
      }
    }
  }

  groups(): StagedGroup[] {
    const groups: StagedGroup[] = [];
    for (const layout of this.#layouts.values()) {
      if (layout.files.size === 0) continue;
      const copies = layout.copies.map((copy) => selectCopy(copy, layout.columns));
      const parts = layout.made === undefined ? copies : [selectTable(layout), ...copies];
      const relation = joinFragments(parts, '\nUNION ALL\n');
      groups.push({ relation, columns: mergedColumns(layout), files: [...layout.files.keys()] });
    }
    return groups;
  }

  async drop(): Promise<void> {
    for (const { table, made } of this.#layouts.values()) {
      if (made !== undefined) await this.#session.run(fillSql(readSqlFile('sources', 'stage_drop_table'), { table }));
    }
    this.#layouts.clear();
  }
}

function duckdbType(column: FileColumn | undefined): string {
  return column === undefined || column.type === 'TEXT' ? 'VARCHAR' : column.type;
}

function selectTable({ table, columns }: Layout): SqlFragment {
  const names = joinFragments(stageColumns(columns.length), ', ');
  return trustedFragment(fillSql(readSqlFile('sources', 'stage_select_table'), { table, columns: names }));
}

function selectCopy({ no, path, from }: Copy, columns: readonly FileColumn[]): SqlFragment {
  const values = columns.map((column, i) => {
    const at = from[i];
    const name = identifier(`c${i}`);
    if (at === undefined) return trustedFragment(`NULL::${duckdbType(column)} AS ${name}`);
    return trustedFragment(`${identifier(typeof at === 'number' ? `c${at}` : at)} AS ${name}`);
  });
  return trustedFragment(
    fillSql(readSqlFile('sources', 'stage_select_copy'), {
      no: trustedFragment(String(no)),
      columns: joinFragments(values, ', '),
      copy: identifier(literalName(path)),
    }),
  );
}

/** The columns of a layout; what the values of JSON are is what they are in all its files together. */
function mergedColumns({ columns, files }: Layout): FileColumn[] {
  const kinds = new Map<string, ColumnKind>();
  for (const own of files.values()) {
    for (const { name, kind } of own) {
      if (kind === undefined) continue;
      const before = kinds.get(name) ?? 'null';
      kinds.set(name, before === 'null' || before === kind ? kind : kind === 'null' ? before : 'mixed');
    }
  }
  return columns.map(({ name, type }) => {
    const kind = kinds.get(name);
    return kind === undefined ? { name, type } : { name, type, kind };
  });
}
