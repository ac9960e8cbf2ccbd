import { usageError } from '../../base/lake-error.js';
import { identifier, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import { type DeltaTable, duckdbTypeOf, type Snapshot, schemaFromDuckdb } from '../../delta/index.js';
import type { LakeCatalog } from '../../ledger/index.js';

/** A column of a table, with DuckDB's name of its type. */
export interface NamedType {
  readonly name: string;
  readonly type: string;
}

/** Where each row of a bronze table came from. */
export const LINEAGE: readonly NamedType[] = [
  { name: '_file_sha', type: 'VARCHAR' },
  { name: '_run_id', type: 'VARCHAR' },
  { name: '_row_no', type: 'BIGINT' },
  { name: '_source_path', type: 'VARCHAR' },
  { name: '_rescued_data', type: 'VARCHAR' },
  { name: '_ingest_date', type: 'DATE' },
];

const LINEAGE_NAMES: ReadonlySet<string> = new Set(LINEAGE.map(({ name }) => name));

/** What a data commit says about itself in `commitInfo.userMetadata`; recovery and `state rebuild` read it, see `batch-notes.ts`. */
export interface BatchMark {
  readonly run_id: string;
  readonly source: string;
  readonly batch: number;
  readonly files: readonly {
    readonly path: string;
    readonly sha: string;
    readonly rows: number;
    readonly git_sha: string | null;
    readonly size: number;
    readonly rescued: number;
    readonly rejected: number;
    /** What the events of it say beside that: where a table was read up to. */
    readonly detail?: Readonly<Record<string, unknown>>;
  }[];
}

/** The application id of a source's batches in a target. */
export function batchAppId(source: string, target: string): string {
  return `lakeledger/${source}→${target}`;
}

export function renderMark(mark: BatchMark): string {
  return JSON.stringify({ lakeledger: mark });
}

/** A bronze table: a Delta table with lineage columns, partitioned by `_ingest_date`. */
export class BronzeTarget {
  readonly name: string;
  readonly table: DeltaTable;

  constructor(deps: { readonly catalog: LakeCatalog; readonly name: string }) {
    this.name = deps.name;
    this.table = deps.catalog.table(deps.name);
  }

  /** Undefined when the table is not there. Throws a usage error for a table without lineage columns. */
  async findSnapshot(): Promise<Snapshot | undefined> {
    const snapshot = await this.table.findSnapshot();
    if (snapshot === undefined) return undefined;
    const names = new Set(snapshot.schema.fields.map(({ name }) => name));
    const missing = [...LINEAGE_NAMES].filter((name) => !names.has(name));
    if (missing.length === 0) return snapshot;
    throw usageError(`${this.name} is not a bronze table: it has no column ${missing.join(', ')}`, {
      place: `${this.name}@${snapshot.version}`,
      hint: 'ingest into a new table; each row of a bronze table says which file it came from',
    });
  }

  /** The columns without lineage. */
  columns(snapshot: Snapshot | undefined): NamedType[] {
    const fields = snapshot?.schema.fields.filter(({ name }) => !LINEAGE_NAMES.has(name)) ?? [];
    return fields.map(({ name, type }) => ({ name, type: duckdbTypeOf(type) }));
  }

  /** Creates the table unless it is there. */
  async ensure(columns: readonly NamedType[], source: string): Promise<void> {
    await this.table.create({
      schema: schemaFromDuckdb([...columns, ...LINEAGE]),
      partitionColumns: ['_ingest_date'],
      configuration: { 'delta.autoOptimize.autoCompact': 'true' },
      description: `Rows of the files of ${source}, each loaded exactly once`,
    });
  }
}

/** The data columns of a relation, as far as it has them, and NULL for the others. */
export function alignedColumns(columns: readonly NamedType[], present: ReadonlySet<string>): SqlFragment[] {
  return columns.map(({ name, type }) =>
    present.has(name.toLowerCase())
      ? identifier(name)
      : trustedFragment(`CAST(NULL AS ${type}) AS ${identifier(name)}`),
  );
}
