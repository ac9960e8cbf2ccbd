import { sleep } from '../../base/clock.js';
import { EXIT, usageError } from '../../base/lake-error.js';
import type { SqlRow } from '../../duckdb/values.js';
import { EVENT_COLUMNS, type EventListFilter } from '../../ingest/events/history.js';
import type { Lake } from '../../lake.js';
import { defineCommand } from '../command.js';
import type { Invocation } from '../invocation.js';
import type { OptionValues } from '../option-spec.js';
import { parseTime } from '../parse-time.js';
import { cellText, escapeControls } from '../render/cells.js';
import { type Paints, paints, statusPaint } from '../render/colors.js';
import type { RowStyle, RowWriter } from '../render/row-types.js';
import { rowWriter } from '../render/row-writer.js';
import { rowStyle, rowsOf, withSink, writeRows } from '../results.js';
import type { Sink } from '../sink.js';
import { withLake } from '../with-lake.js';

const DEFAULT_LIMIT = 100;
/** Between two looks at the log, in milliseconds. */
const POLL_MS = 1000;

const options = {
  source: { type: 'text', value: 'NAME', describe: 'Only of this source' },
  path: { type: 'text', value: 'PATH', describe: 'Only of this file; the end of its path is enough' },
  sha: { type: 'text', value: 'SHA', describe: 'Only of bytes whose sha begins so' },
  status: { type: 'text', value: 'STATUS', describe: 'Only with this status, e.g. FAILED' },
  type: { type: 'text', value: 'TYPE', describe: 'Only of this type, e.g. DELIVERY or REPROCESS_REQUEST' },
  since: { type: 'text', value: 'TIME', describe: 'Recorded from then on: a day, a time, or 2h for two hours ago' },
  until: { type: 'text', value: 'TIME', describe: 'Recorded before then' },
  run: { type: 'text', value: 'ID', describe: 'Only of this run; the beginning of its id is enough' },
  limit: { type: 'integer', value: 'N', min: 1, default: DEFAULT_LIMIT, describe: 'At most the newest N' },
  follow: { type: 'flag', describe: 'Go on with new ones as they come, until interrupted' },
} as const;

export const eventsCommand = defineCommand({
  path: ['events'],
  summary: 'The event log, newest last: what was recorded and ingested, and how it ended',
  arguments: {},
  options,
  examples: [
    { command: 'lakeledger events --status FAILED --since 1d', comment: 'what failed since yesterday' },
    { command: 'lakeledger events --source orders -o ndjson', comment: 'of one source; with --follow also what comes' },
  ],
  async run(invocation) {
    const { limit, follow } = invocation.options;
    const filter = filterOf(invocation.options);
    await withLake(invocation, async (lake) => {
      if (follow) return followEvents(invocation, lake, { filter, limit });
      const { listEvents } = await import('../../ingest/events/history.js');
      const { rows, version } = await listEvents(await depsOf(lake), filter, limit);
      if (version < 0) invocation.log.note(`there are no events yet: ${invocation.options.lake} has no event log`);
      else if (rows.length === 0) invocation.log.note('no event matches');
      await writeRows(invocation, rowsOf(rows, EVENT_COLUMNS));
    });
    return EXIT.ok;
  },
});

async function depsOf(lake: Lake) {
  return { session: await lake.session(), catalog: lake.catalog };
}

function filterOf(given: OptionValues<typeof options>): EventListFilter {
  const now = Date.now();
  const { source, path, sha, status, type, since, until, run } = given;
  const filter = {
    source,
    path: path?.replace(/^(\.\/)+/, ''),
    sha: sha?.toLowerCase(),
    status: status?.toUpperCase(),
    type: type?.toUpperCase(),
    since: since === undefined ? undefined : parseTime(since, { flag: '--since', now }),
    until: until === undefined ? undefined : parseTime(until, { flag: '--until', now }),
    run,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/** Writes what is there and then, each second, what has come since; ends with an interrupt or when nobody reads any more. */
async function followEvents(
  invocation: Invocation,
  lake: Lake,
  { filter, limit }: { readonly filter: EventListFilter; readonly limit: number },
): Promise<void> {
  const { listEvents, listEventsAfter } = await import('../../ingest/events/history.js');
  const [target] = invocation.outputs;
  if (target.format === 'json' || target.format === 'markdown') {
    throw usageError(`--follow has no end, and ${target.format} needs one`, { hint: '-o ndjson' });
  }
  const deps = await depsOf(lake);
  await withSink(invocation, target, async (sink) => {
    const writer =
      target.format === 'table'
        ? lineWriter(sink, rowStyle(invocation, target))
        : rowWriter(target.format, sink, rowStyle(invocation, target));
    await writer.begin(rowsOf([], EVENT_COLUMNS).columns);
    let seen = await listEvents(deps, filter, limit);
    while (!sink.closed) {
      if (seen.rows.length > 0) await writer.rows(seen.rows);
      await sleep(POLL_MS);
      seen = await listEventsAfter(deps, filter, seen.version);
    }
  });
}

/** One line per event: the widths of a table that has no end are not known. */
function lineWriter(sink: Sink, style: RowStyle): RowWriter {
  const paint = paints(style.color);
  const nothing = () => Promise.resolve();
  return {
    begin: nothing,
    end: nothing,
    rows: (rows) => sink.write(rows.map((row) => eventLine(row, paint)).join('')),
  };
}

function eventLine(row: SqlRow, paint: Paints): string {
  const cell = (name: string) => escapeControls(cellText(row[name] ?? null));
  const status = statusPaint(paint, row['status'] ?? null)(cell('status'));
  const told = [cell('source'), cell('path'), cell('reason')].filter((text) => text !== '');
  return `${paint.dim(cell('recorded_at'))}  ${status}  ${told.join('  ')}\n`;
}
