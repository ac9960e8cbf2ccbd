import { hostname } from 'node:os';
import { EXIT, usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { BusinessDates } from '../../ingest/dates/plan-dates.js';
import type { SourceStatus, WatermarkStatus } from '../../ingest/report/overview.js';
import type { Lake } from '../../lake.js';
import { defineCommand } from '../command.js';
import { configuredSources } from '../configured-sources.js';
import { dateSettings, warnUnreadable } from '../date-settings.js';
import type { Invocation } from '../invocation.js';
import { countText } from '../render/amounts.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';
import { groupLines, statusRows } from '../status-text.js';
import { withLake } from '../with-lake.js';

export const statusCommand = defineCommand({
  path: ['status'],
  summary: 'How each source stands: last success, business dates and gaps, files and rows, what waits or failed',
  arguments: { sources: { describe: 'Names of sources (default: all)', many: true } },
  options: {},
  examples: [
    { command: 'lakeledger status', comment: 'all sources, one line each' },
    { command: 'lakeledger status orders -o json', comment: 'one source, everything about it' },
  ],
  async run(invocation) {
    const names = invocation.arguments.sources;
    const { all, dates, timeZone } = await withLake(invocation, (lake) => readStatus(lake, invocation));
    const unknown = names.find((name) => !all.some(({ source }) => source === name));
    if (unknown !== undefined) throw unknownSource(unknown, all);
    const shown = names.length === 0 ? all : all.filter(({ source }) => names.includes(source));
    if (shown.length === 0) {
      invocation.log.note('there is no source yet: none is configured and nothing was ingested');
    }
    const own = dates.sources.filter(({ source }) => shown.some((one) => one.source === source));
    warnUnreadable(
      invocation.log,
      own.flatMap(({ problems }) => problems),
    );
    const { dateIn } = await import('../../ingest/dates/date-words.js');
    const lines = groupLines(dates, { sources: own, today: dateIn(timeZone, Date.now()) });
    await writeObject(invocation, {
      value: shown,
      text: (style) => {
        const { columns, rows } = statusRows(shown);
        const table = shown.length === 0 ? '' : renderTable(columns, rows, style);
        return `${table}${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}`;
      },
      rows: rowsOf(shown.map(flatStatus)),
    });
    return EXIT.ok;
  },
});

interface StatusReading {
  readonly all: readonly SourceStatus[];
  readonly dates: BusinessDates;
  readonly timeZone: string;
}

async function readStatus(lake: Lake, invocation: Pick<Invocation, 'config' | 'io'>): Promise<StatusReading> {
  const { overview } = await import('../../ingest/report/overview.js');
  const { discoverLatestSuccessfulDate, discoverNextBusinessDate } = await import('../../ingest/dates/read-dates.js');
  const { RunManifests } = await import('../../ledger/runs/run-manifests.js');
  const { policies, timeZone } = await dateSettings(invocation);
  const manifests = new RunManifests(lake.catalog.store);
  const dates = await discoverNextBusinessDate(manifests, policies);
  const lastDates = new Map<string, string>();
  for (const source of await manifests.sources()) {
    if (policies.some(({ name }) => name === source)) continue;
    const last = await discoverLatestSuccessfulDate(manifests, source);
    if (last !== null) lastDates.set(source, last);
  }
  const all = await overview(
    { session: await lake.session(), catalog: lake.catalog },
    {
      now: Date.now(),
      host: hostname(),
      sources: configuredSources(invocation),
      dates,
      lastDates,
      watermarks: await readWatermarks(lake, invocation),
    },
  );
  return { all, dates, timeZone };
}

/** Up to where the tables were read that are configured to be read incrementally. */
async function readWatermarks(
  lake: Lake,
  { config }: Pick<Invocation, 'config'>,
): Promise<ReadonlyMap<string, WatermarkStatus>> {
  const { findWatermark } = await import('../../ingest/table/watermark.js');
  const found = new Map<string, WatermarkStatus>();
  for (const [source, { load }] of Object.entries(config?.values.sources ?? {})) {
    const watermark = load === 'incremental' ? findWatermark(await lake.fileEvents({ source })) : undefined;
    if (watermark === undefined) continue;
    const { column, value, type, open } = watermark;
    found.set(source, { column, value, type, held_back: open === 0 ? null : countText(open, 'open transaction') });
  }
  return found;
}

function unknownSource(name: string, all: readonly SourceStatus[]): Error {
  const known = [...new Set(all.map(({ source }) => source))];
  return usageError(`there is no source "${name}"`, { hint: didYouMean(name, known) });
}

/** A status as one row of plain values. */
function flatStatus({ lock, watermark, gap_dates, unreadable_manifests, ...status }: SourceStatus) {
  return {
    ...status,
    gap_dates: gap_dates.join(' '),
    unreadable_manifests: unreadable_manifests.length,
    watermark_column: watermark?.column ?? null,
    watermark: watermark?.value ?? null,
    lock_run_id: lock?.run_id ?? null,
  };
}
