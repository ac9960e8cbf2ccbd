import type { SqlColumn } from '../../duckdb/session.js';
import type { SqlValue } from '../../duckdb/values.js';
import type { Sink } from '../sink.js';
import { cellText, escapeControls, isNumeric } from './cells.js';
import type { RowWriter } from './row-types.js';

/** A table as GitHub renders it (GFM "Tables"). Values cannot end a cell or begin HTML. */
export function markdownWriter(sink: Sink): RowWriter {
  let names: readonly string[] = [];
  return {
    begin(columns: readonly SqlColumn[]) {
      names = columns.map((column) => column.name);
      const rule = columns.map((column) => (isNumeric(column.type) ? '---:' : '---'));
      return sink.write(`${line(names.map(markdownCell))}${line(rule)}`);
    },
    rows: (rows) => sink.write(rows.map((row) => line(names.map((name) => markdownCell(row[name] ?? null)))).join('')),
    end: () => Promise.resolve(),
  };
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

/** One cell; a line break becomes `<br>`, NULL is empty. */
export function markdownCell(value: SqlValue): string {
  return cellText(value)
    .replaceAll(/[\\|`*_[\]~]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .split(/\r\n|\r|\n/)
    .map(escapeControls)
    .join('<br>');
}
