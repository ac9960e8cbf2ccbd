/** A Delta table as plain rows: what every version must hold, whatever files and deletion vectors stand for it. */

export type ModelValue = number | string | null;

/** Values by the key of their column; an absent one is NULL. */
export type ModelRow = Readonly<Record<string, ModelValue>>;

export interface ModelColumn {
  /** Never changes, and is never given to another column. */
  readonly key: string;
  readonly name: string;
  /** Of DuckDB. */
  readonly type: 'BIGINT' | 'INTEGER' | 'VARCHAR';
}

export interface TableState {
  readonly columns: readonly ModelColumn[];
  readonly rows: readonly ModelRow[];
  /** Key of the partition column. */
  readonly partitionBy?: string;
}

export type Condition =
  | { readonly kind: 'compare'; readonly key: string; readonly operator: Operator; readonly value: ModelValue }
  | { readonly kind: 'null'; readonly key: string }
  | { readonly kind: 'not'; readonly inner: Condition }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition };

type Operator = '<' | '<=' | '=' | '<>' | '>=' | '>';

type Truth = boolean | null;

function literal(value: ModelValue): string {
  if (value === null) return 'NULL';
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function columnOf(state: TableState, key: string): ModelColumn | undefined {
  return state.columns.find((column) => column.key === key);
}

/** A condition as SQL; a column that is not there, or is of another type than the value, makes its part true. */
export function conditionSql(state: TableState, condition: Condition, alias = ''): string {
  const name = (key: string) => {
    const column = columnOf(state, key);
    return column === undefined ? undefined : `${alias === '' ? '' : `${alias}.`}${quoted(column.name)}`;
  };
  switch (condition.kind) {
    case 'compare': {
      const column = name(condition.key);
      return column === undefined ? 'true' : `${column} ${condition.operator} ${literal(condition.value)}`;
    }
    case 'null': {
      const column = name(condition.key);
      return column === undefined ? 'true' : `${column} IS NULL`;
    }
    case 'not':
      return `NOT (${conditionSql(state, condition.inner, alias)})`;
    case 'and':
    case 'or': {
      const [left, right] = [condition.left, condition.right].map((part) => conditionSql(state, part, alias));
      return `(${left}) ${condition.kind.toUpperCase()} (${right})`;
    }
  }
}

function compare(a: ModelValue, b: ModelValue, operator: Operator): Truth {
  if (a === null || b === null) return null;
  const order =
    typeof a === 'string' || typeof b === 'string' ? Buffer.compare(Buffer.from(`${a}`), Buffer.from(`${b}`)) : a - b;
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '<>':
      return order !== 0;
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
  }
}

function truthOf(state: TableState, condition: Condition, row: ModelRow): Truth {
  switch (condition.kind) {
    case 'compare':
      if (columnOf(state, condition.key) === undefined) return true;
      return compare(row[condition.key] ?? null, condition.value, condition.operator);
    case 'null':
      return columnOf(state, condition.key) === undefined || (row[condition.key] ?? null) === null;
    case 'not': {
      const inner = truthOf(state, condition.inner, row);
      return inner === null ? null : !inner;
    }
    case 'and': {
      const parts = [truthOf(state, condition.left, row), truthOf(state, condition.right, row)];
      return parts.includes(false) ? false : parts.includes(null) ? null : true;
    }
    case 'or': {
      const parts = [truthOf(state, condition.left, row), truthOf(state, condition.right, row)];
      return parts.includes(true) ? true : parts.includes(null) ? null : false;
    }
  }
}

/** Whether a row meets a condition by SQL's three-valued logic. */
export function meets(state: TableState, condition: Condition, row: ModelRow): boolean {
  return truthOf(state, condition, row) === true;
}

/** A SELECT of rows with the columns of a state. */
export function rowsSql(state: TableState, rows: readonly ModelRow[]): string {
  const columns = state.columns.map(({ name, type }) => `CAST(${quoted(name)} AS ${type}) AS ${quoted(name)}`);
  const names = state.columns.map(({ name }) => quoted(name)).join(', ');
  const values = rows.map((row) => `(${state.columns.map(({ key }) => literal(row[key] ?? null)).join(', ')})`);
  const none = `(${state.columns.map(() => 'NULL').join(', ')})`;
  return `SELECT ${columns.join(', ')} FROM (VALUES ${values.join(', ') || none}) AS t(${names})${rows.length === 0 ? ' WHERE false' : ''}`;
}

/** The row as the table keeps it: a partition value of no characters is NULL (PROTOCOL.md, "Partition Value Serialization"). */
function storedRow(state: TableState, row: ModelRow): ModelRow {
  const kept = Object.fromEntries(state.columns.map(({ key }) => [key, row[key] ?? null]));
  const { partitionBy } = state;
  return partitionBy !== undefined && kept[partitionBy] === '' ? { ...kept, [partitionBy]: null } : kept;
}

export function withRows(state: TableState, rows: readonly ModelRow[]): TableState {
  return { ...state, rows: rows.map((row) => storedRow(state, row)) };
}

/** Rows as text that can be compared, in the order of the columns; sorted, one that is there twice is there twice. */
export function rowTexts({ columns, rows }: TableState): string[] {
  return rows.map((row) => rowText(columns.map(({ key }) => row[key] ?? null))).sort();
}

export function rowText(values: readonly unknown[]): string {
  return JSON.stringify(values.map((value) => (value === null ? null : String(value))));
}

/** A SELECT list of all columns as VARCHAR, for `rowText`. */
export function textColumns({ columns }: TableState): string {
  return columns.map(({ name }, i) => `CAST(${quoted(name)} AS VARCHAR) AS c${i}`).join(', ');
}

export interface MergeModel {
  readonly source: readonly ModelRow[];
  readonly matched: 'none' | 'delete' | 'update' | 'add';
  readonly matchedAnd?: Condition | undefined;
  readonly insert: boolean;
  readonly insertAnd?: Condition | undefined;
  readonly bySource: 'none' | 'delete' | 'update';
  readonly bySourceAnd?: Condition | undefined;
}

/** MERGE on `id` with at most one source row of an id. */
export function mergeRows(state: TableState, merge: MergeModel): ModelRow[] {
  const source = new Map<ModelValue, ModelRow>(
    merge.source.flatMap((row) => (row['id'] == null ? [] : [[row['id'], row] as const])),
  );
  const holds = (condition: Condition | undefined, row: ModelRow) =>
    condition === undefined || meets(state, condition, row);
  const result: ModelRow[] = [];
  const matched = new Set<ModelValue>();
  for (const row of state.rows) {
    const other = source.get(row['id'] ?? null);
    if (other !== undefined) {
      matched.add(row['id'] ?? null);
      if (merge.matched === 'none' || !holds(merge.matchedAnd, row)) result.push(row);
      else if (merge.matched === 'update') result.push(other);
      else if (merge.matched === 'add') result.push({ ...row, v: sum(row['v'], other['v']) });
    } else if (merge.bySource === 'none' || !holds(merge.bySourceAnd, row)) result.push(row);
    else if (merge.bySource === 'update') result.push({ ...row, v: -1 });
  }
  const isNew = (row: ModelRow) => row['id'] == null || !matched.has(row['id']);
  const inserted = merge.insert ? merge.source.filter((row) => isNew(row) && holds(merge.insertAnd, row)) : [];
  return [...result, ...inserted];
}

export function sum(a: ModelValue | undefined, b: ModelValue | undefined): ModelValue {
  return a == null || b == null ? null : Number(a) + Number(b);
}
