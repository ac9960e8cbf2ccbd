/** How a server is reached; with its secrets: it goes nowhere else. Times are milliseconds. */
export interface PostgresConnection {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  /** `require` encrypts and checks nothing unless there is a `ca`; `verify-ca` checks the chain, `verify-full` the name as well. PEM texts. */
  readonly ssl: {
    readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** Of the server: the longest pause within a transaction. */
  readonly idleTimeoutMs: number;
  /** Tries to connect, with growing waits between them; at least 1. */
  readonly attempts: number;
}

/** What is read: a relation of any kind, or the text of one SELECT. */
export type ExtractFrom = { readonly schema: string; readonly table: string } | { readonly query: string };

/** How new rows are told. */
export interface WatermarkRequest {
  readonly column: string;
  /** `timestamp`: timestamp, timestamptz, date. `integer`: smallint, integer, bigint, numeric. */
  readonly type: 'timestamp' | 'integer';
  /** Rows from this value on, itself included, as PostgreSQL writes it; null: from the beginning. */
  readonly lower: string | null;
  /** Taken off `lower`: milliseconds for timestamps, a number for integers. */
  readonly overlap: string | null;
  /** Rows without a value: read each time, left out, or an error. */
  readonly nulls: 'include' | 'exclude' | 'raise';
  /** Row versions of transactions from this 64-bit id on are read too, whatever their value: `snapshot.xmin` of a run in which transactions were open. */
  readonly lateFrom: string | null;
}

export interface ExtractRequest {
  readonly from: ExtractFrom;
  /** `YYYY-MM-DD`; a query reads it as `current_setting('lakeledger.execution_date')::date`. */
  readonly executionDate: string;
  /** Absent: everything is read. */
  readonly watermark?: WatermarkRequest;
  /** Only these columns; the watermark's must be among them. */
  readonly columns?: readonly string[];
}

/** A column as it is in the Parquet file. */
export interface ExtractedColumn {
  readonly name: string;
  /** As PostgreSQL writes it; of a domain the type under it. */
  readonly postgresType: string;
  /** DuckDB's name of the type in the file. */
  readonly type: string;
  /** The type that the column has unless a value does not fit. */
  readonly declaredType: string;
  /** Why `type` is another one. */
  readonly note?: string;
}

/** Transactions of this database that were open at a snapshot, or may have been: what they commit later is not in it. */
export interface OpenTransactions {
  /** Prepared ones included. */
  readonly count: number;
  /** As PostgreSQL writes a timestamptz, in UTC; null when there are none or one hides its start. */
  readonly oldestStartedAt: string | null;
  readonly pids: readonly number[];
  /** There may be more than was seen, or older ones. */
  readonly hidden: boolean;
}

export interface SnapshotFacts {
  /** Just before the snapshot: ISO 8601 UTC with six fraction digits, by the server's clock. */
  readonly at: string;
  /** Every transaction with a lower 64-bit id was over. */
  readonly xmin: string;
  readonly open: OpenTransactions;
  readonly serverVersion: string;
}

/** What was read, as a Parquet file with the columns, `_row_hash BIGINT` and `_extracted_at TIMESTAMPTZ`, which is `snapshot.at`. */
export interface Extraction {
  readonly file: string;
  readonly bytes: number;
  readonly rows: number;
  readonly columns: readonly ExtractedColumn[];
  /** 16 hex digits of the sum of the row hashes modulo 2^64, `-`, the number of rows. */
  readonly fingerprint: string;
  /**
   * Where the next run may begin: the highest value among the rows, a timestamp never later than `snapshot.at`, a number rounded down.
   * Timestamps are in UTC, as PostgreSQL writes them. Null without rows or values.
   */
  readonly watermark: string | null;
  /** The same where late rows cannot be seen: not beyond the start of the oldest open transaction; null when it is not known. */
  readonly heldWatermark: string | null;
  /** Rows without a value: read, or left out by `exclude`. */
  readonly nullWatermarks: number;
  /** Rows below the lower bound that are read because of `lateFrom`. */
  readonly lateRows: number;
  readonly snapshot: SnapshotFacts;
  /** False where rows do not say which transaction wrote them: views, queries, foreign tables. */
  readonly canSeeLateRows: boolean;
  /** What a person should know. */
  readonly notes: readonly string[];
  /** Removes the file. */
  drop(): Promise<void>;
}

/** What a table or a query is. */
export interface SourceDescription {
  readonly kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table' | 'query';
  readonly columns: readonly (Pick<ExtractedColumn, 'name' | 'postgresType' | 'declaredType'> & {
    readonly nullable: boolean;
  })[];
  readonly canSeeLateRows: boolean;
}
