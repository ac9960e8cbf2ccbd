import type { RunStory } from '../ingest/events/history.js';
import type { RowStyle } from './render/row-types.js';
import { renderTable } from './render/table.js';
import { fieldLines, rowsOf } from './results.js';

const FIELDS = ['status', 'target', 'started_at', 'ended_at', 'seconds', 'processed', 'skipped', 'failed', 'rows'];
const MORE_FIELDS = ['bytes', 'execution_date', 'actor', 'host', 'error'];

/** A run for people: a block of facts per source, then its files. */
export function runText({ run_id, sources, files }: RunStory, style: RowStyle): string {
  const blocks = sources.map((source) => {
    const facts = [...FIELDS, ...MORE_FIELDS].map((name) => [name, source[name] ?? null] as const);
    // An id is no amount, and gets no thousands separators.
    const process = { process: source['pid'] == null ? null : String(source['pid']) };
    return fieldLines(
      { run: run_id, source: source['source'] ?? null, ...Object.fromEntries(facts), ...process },
      style,
    );
  });
  if (files.length === 0) return `${blocks.join('\n')}\nIt wrote no events about files.\n`;
  const { columns, rows } = rowsOf(files, ['status', 'path', 'rows', 'rule', 'reason', 'source', 'sha']);
  return `${blocks.join('\n')}\n${renderTable(columns, rows, style)}`;
}
