import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import type { SqlFragment } from '../../base/sql-file.js';

/** How the files of a source are to be read; what is left out is told by the name and the content. */
export interface FormatOptions {
  readonly format?: 'auto' | FileFormat;
  /** One ASCII character. */
  readonly delimiter?: string;
  /** One ASCII character; empty when quotes have no meaning. */
  readonly quote?: string;
  /** What stands before a quote inside quotes; the quote itself by default. */
  readonly escape?: string;
  readonly header?: boolean;
  /** `auto` or a label as `TextDecoder` knows it. */
  readonly encoding?: string;
  /** Lines before the header. */
  readonly skip?: number;
  /** Texts without quotes that stand for NULL, beside the empty one. */
  readonly nullValues?: readonly string[];
  /** JSON: where the records are, as `rounds[].matches[]`. */
  readonly records?: string;
}

export type FileFormat = 'csv' | 'json' | 'parquet';

/** What the values of a JSON column are; nested ones are text. */
export type ColumnKind = 'text' | 'number' | 'boolean' | 'mixed' | 'null';

export interface FileColumn {
  /** As published; '' when it has no name. */
  readonly name: string;
  /** `TEXT` for CSV and JSON, where each value is text; for Parquet DuckDB's type. */
  readonly type: string;
  readonly kind?: ColumnKind;
}

/** A file to be staged. */
export interface FileToStage {
  /** Tells it apart within the stage. */
  readonly no: number;
  readonly location: string;
  /** What messages call it. */
  readonly path: string;
  readonly size: number;
}

/** A file whose rows are staged. */
export interface StagedFile {
  readonly no: number;
  readonly format: FileFormat;
  /** The file's own layout, in order. */
  readonly columns: readonly FileColumn[];
  /** Rows that could be read. */
  readonly rows: number;
  readonly rejected: number;
  /** What a person should know about how it was read. */
  readonly notes: readonly string[];
}

/** Files of one layout. */
export interface StagedGroup {
  /** A SELECT of `_file_no INTEGER`, `_row_no BIGINT` (from 1, in the order of the file) and `c0`, `c1` …, one per column. */
  readonly relation: SqlFragment;
  readonly columns: readonly FileColumn[];
  readonly files: readonly number[];
}

/** A row that could not be read. */
export interface RejectedRow {
  readonly line: number | null;
  readonly column: string | null;
  readonly error: string;
  readonly text: string;
}

/** Most text that a reject keeps, in characters. */
export const REJECT_TEXT = 64 * 1024;

/** The content is not what it should be: the same bytes fail again. */
export function formatError(
  file: FileToStage,
  message: string,
  more: { line?: number; hint?: string } = {},
): LakeError {
  return new LakeError('SOURCE_FORMAT', `${file.path}: ${message}`, {
    place: more.line === undefined ? file.path : `${file.path}:${more.line}`,
    exitCode: EXIT.data,
    ...(more.hint === undefined ? {} : { hint: more.hint }),
  });
}

/** The bytes cannot be had now. */
export function unreadable(file: FileToStage, error: unknown): LakeError {
  return new LakeError('SOURCE_UNREADABLE', `cannot read ${file.path}: ${messageOf(error)}`, {
    place: file.path,
    exitCode: EXIT.data,
    retryable: true,
    cause: error,
  });
}
