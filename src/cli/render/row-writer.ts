import type { Sink } from '../sink.js';
import { csvWriter } from './csv.js';
import { jsonWriter, ndjsonWriter } from './json.js';
import { markdownWriter } from './markdown.js';
import type { RowStyle, RowWriter } from './row-types.js';
import { tableWriter } from './table.js';

/** The writer of a format; `json`, `ndjson` and `csv` hold no more than one chunk of rows. */
export function rowWriter(format: string, sink: Sink, style: RowStyle): RowWriter {
  switch (format) {
    case 'json':
      return jsonWriter(sink);
    case 'ndjson':
      return ndjsonWriter(sink);
    case 'csv':
      return csvWriter(sink);
    case 'markdown':
      return markdownWriter(sink);
    default:
      return tableWriter(sink, style);
  }
}
