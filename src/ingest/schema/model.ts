import type { LakeError } from '../../base/lake-error.js';
import type { SqlFragment } from '../../base/sql-file.js';
import type { StagedGroup } from '../../sources/formats/model.js';
import type { NamedType } from '../load/target.js';
import type { Contract } from '../model.js';

/** Type of a column that never had a value: it gets its type, and its place in the table, with its first one. */
export const NO_TYPE = 'NULL';

/** A column of a dataset. */
export interface DatasetColumn {
  /** In the table. */
  readonly name: string;
  /** In the file. */
  readonly published: string;
  /** DuckDB's name of the type; `NULL` while no value was seen. */
  readonly type: string;
  /** Its type in the file, for formats that have types. */
  readonly fileType?: string;
  /** Why it has not the type one would expect. */
  readonly note?: string;
}

/** A layout that came in a batch. */
export interface BatchLayout {
  readonly fingerprint: string;
  /** As published, in order. */
  readonly names: readonly string[];
  /** As the files have them: `TEXT` for CSV and JSON. */
  readonly types: readonly string[];
  /** The same columns as the dataset has them. */
  readonly columns: readonly DatasetColumn[];
  readonly files: readonly number[];
  /** The contract stopped it because of its columns. */
  readonly pending: boolean;
}

export interface SchemaRequest {
  readonly groups: readonly StagedGroup[];
  /** The columns of the target (DuckDB types) without lineage; empty when there is no table. */
  readonly current: readonly NamedType[];
  /** `types: 'evolve'` is `rescue`: a type is changed by hand, never by a file. */
  readonly contract: Contract;
  /** Types by column from the configuration; they win over what the values look like. */
  readonly declared?: Readonly<Record<string, string>>;
  /** Names of columns that accepted layouts had and that are not in the table yet, because they never had a value. */
  readonly known?: readonly string[];
  /** Fingerprints of layouts that are accepted: their columns are taken as with `evolve`. */
  readonly accepted?: ReadonlySet<string>;
}

/** What each column of a batch becomes. */
export interface SchemaPlan {
  /** The whole dataset after this batch, old columns first. Those of type `NULL` are not in the table. */
  readonly columns: readonly DatasetColumn[];
  /** To be added to the table. */
  readonly added: readonly NamedType[];
  /** SELECT of `_file_no`, `_row_no`, the columns of the table after this batch, `_rescued_data`; without rows that the contract drops. */
  readonly select: (group: StagedGroup) => SqlFragment;
  /** SELECT of `_file_no`, `line`, `row_no`, `column_name`, `error`, `text`: a row for each that the contract drops; undefined when it drops none. */
  readonly discarded: (group: StagedGroup) => SqlFragment | undefined;
  /** Why the contract stops a file (`SCHEMA_DRIFT`, exit 4), by its number. Its rows are in neither SELECT. */
  readonly stopped: ReadonlyMap<number, LakeError>;
  /** What a person should know about the types: `codice_regione: kept as text: "01" has a leading zero`. */
  readonly notes: readonly string[];
  readonly layouts: readonly BatchLayout[];
}
