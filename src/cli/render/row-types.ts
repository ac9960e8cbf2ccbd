import type { SqlColumn } from '../../duckdb/session.js';
import type { SqlRow } from '../../duckdb/values.js';

/** Writes rows in one format: `begin` once, `rows` any number of times, `end` once. */
export interface RowWriter {
  begin(columns: readonly SqlColumn[]): Promise<void>;
  rows(rows: readonly SqlRow[]): Promise<void>;
  end(): Promise<void>;
}

export interface RowStyle {
  /** Columns of the terminal; undefined when it is none, and nothing is cut then. */
  readonly width: number | undefined;
  readonly color: boolean;
  /** Said to the person, beside the data. */
  readonly note: (text: string) => void;
}
