import type { SqlColumn } from '../../duckdb/session.js';
import type { SqlValue } from '../../duckdb/values.js';
import type { Sink } from '../sink.js';
import { cellText } from './cells.js';
import type { RowWriter } from './row-types.js';

/**
 * RFC 4180, with LF at the end of lines as Unix tools want it. NULL is an empty field, an empty text is `""`; where there is
 * one column only, both are `""`, because readers skip empty lines.
 */
export function csvWriter(sink: Sink): RowWriter {
  let names: readonly string[] = [];
  return {
    begin(columns: readonly SqlColumn[]) {
      names = columns.map((column) => column.name);
      return sink.write(`${names.map(csvField).join(',')}\n`);
    },
    rows: (rows) => sink.write(rows.map((row) => `${csvLine(names.map((name) => row[name] ?? null))}\n`).join('')),
    end: () => Promise.resolve(),
  };
}

function csvLine(values: readonly SqlValue[]): string {
  return values.map(csvField).join(',') || '""';
}

/** One field. */
export function csvField(value: SqlValue): string {
  if (value === null) return '';
  const text = cellText(value);
  return text === '' || /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}
