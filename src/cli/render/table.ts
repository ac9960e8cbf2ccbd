import type { SqlColumn } from '../../duckdb/session.js';
import type { SqlRow, SqlValue } from '../../duckdb/values.js';
import type { Sink } from '../sink.js';
import { cellText, escapeControls, isNumeric } from './cells.js';
import { type Paint, paints, statusPaint } from './colors.js';
import type { RowStyle, RowWriter } from './row-types.js';
import { cutText, textWidth } from './text-width.js';

/** Rows that a table holds; it must see all of them to know its widths. */
const MAX_ROWS = 10_000;
const GAP = '  ';
/** A column is not made narrower than this. */
const MIN_WIDTH = 8;

/** A table for people. Cut to the width of the terminal if there is one, complete otherwise. */
export function tableWriter(sink: Sink, style: RowStyle): RowWriter {
  let columns: readonly SqlColumn[] = [];
  const kept: SqlRow[] = [];
  let seen = 0;
  return {
    begin(given) {
      columns = given;
      return Promise.resolve();
    },
    rows(rows) {
      seen += rows.length;
      kept.push(...rows.slice(0, Math.max(0, MAX_ROWS - kept.length)));
      return Promise.resolve();
    },
    async end() {
      await sink.write(renderTable(columns, kept, style));
      if (seen > kept.length) {
        style.note(`the first ${kept.length} of ${seen} rows; all of them: -o csv, -o ndjson or -o json`);
      }
    },
  };
}

/** The text of a table with its header. */
export function renderTable(columns: readonly SqlColumn[], rows: readonly SqlRow[], style: RowStyle): string {
  if (columns.length === 0) return '';
  const paint = paints(style.color);
  const texts = columns.map((column) => rows.map((row) => displayText(row[column.name] ?? null)));
  const headers = columns.map((column) => escapeControls(column.name));
  const natural = headers.map((header, i) => widest([header, ...(texts[i] ?? [])]));
  const widths = style.width === undefined ? natural : fitWidths(natural, style.width);
  if (widths.length < columns.length) {
    const hidden = headers.slice(widths.length);
    style.note(`${hidden.length} columns do not fit: ${hidden.join(', ')}; -o json shows them`);
  }
  const right = columns.map((column) => isNumeric(column.type));
  const line = (cell: (i: number) => { text: string; paint: Paint }) =>
    `${widths
      .map((width, i) => {
        const { text, paint: color } = cell(i);
        return color(pad(cutText(text, width), width, right[i] === true));
      })
      .join(GAP)
      .trimEnd()}\n`;
  const header = line((i) => ({ text: headers[i] ?? '', paint: paint.bold }));
  const rule = line((i) => ({ text: '─'.repeat(widths[i] ?? 0), paint: paint.dim }));
  const body = rows.map((row, at) =>
    line((i) => {
      const value = row[columns[i]?.name ?? ''] ?? null;
      return { text: texts[i]?.[at] ?? '', paint: value === null ? paint.dim : statusPaint(paint, value) };
    }),
  );
  return header + rule + body.join('');
}

function displayText(value: SqlValue): string {
  return value === null ? 'NULL' : escapeControls(cellText(value));
}

function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, textWidth(text)), 1);
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)));
  return right ? space + text : text + space;
}

/** Widths that fit in `total`: the widest columns give way first; columns that still do not fit are left out at the end. */
export function fitWidths(natural: readonly number[], total: number): readonly number[] {
  const least = natural.map((width) => Math.min(width, MIN_WIDTH));
  let count = natural.length;
  const need = () => least.slice(0, count).reduce((sum, width) => sum + width, 0) + GAP.length * (count - 1);
  while (count > 1 && need() > total) count--;
  const room = total - GAP.length * (count - 1);
  let limit = Math.max(1, ...natural.slice(0, count));
  const cut = () => natural.slice(0, count).map((width, i) => Math.min(width, Math.max(limit, least[i] ?? 1)));
  while (limit > 1 && cut().reduce((sum, width) => sum + width, 0) > room) limit--;
  return cut();
}
