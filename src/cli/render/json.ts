import { type SqlRow, toJson } from '../../duckdb/values.js';
import type { Sink } from '../sink.js';
import type { RowWriter } from './row-types.js';

/** An array of row objects, written as the rows come. */
export function jsonWriter(sink: Sink): RowWriter {
  let encode = (_row: SqlRow) => '';
  let before = '[\n';
  return {
    begin(columns) {
      encode = rowEncoder(columns.map((column) => column.name));
      return Promise.resolve();
    },
    async rows(rows) {
      if (rows.length === 0) return;
      await sink.write(before + rows.map(encode).join(',\n'));
      before = ',\n';
    },
    end: () => sink.write(before === '[\n' ? '[]\n' : '\n]\n'),
  };
}

/** One row object a line. */
export function ndjsonWriter(sink: Sink): RowWriter {
  let encode = (_row: SqlRow) => '';
  return {
    begin(columns) {
      encode = rowEncoder(columns.map((column) => column.name));
      return Promise.resolve();
    },
    rows: (rows) => sink.write(rows.map((row) => `${encode(row)}\n`).join('')),
    end: () => Promise.resolve(),
  };
}

/** Keys stand in the order of the columns; a JavaScript object would put a column named `1` first. */
function rowEncoder(names: readonly string[]): (row: SqlRow) => string {
  const keys = names.map((name) => [name, `${JSON.stringify(name)}:`] as const);
  return (row) => `{${keys.map(([name, key]) => key + JSON.stringify(toJson(row[name] ?? null))).join(',')}}`;
}
