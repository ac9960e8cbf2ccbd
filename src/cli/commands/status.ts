import { hostname } from 'node:os';
import { EXIT, usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { SourceStatus } from '../../ingest/report/overview.js';
import { defineCommand } from '../command.js';
import { configuredSources } from '../configured-sources.js';
import { durationText } from '../duration-text.js';
import { renderTable } from '../render/table.js';
import { type Rows, rowsOf, writeObject } from '../results.js';
import { withLake } from '../with-lake.js';

export const statusCommand = defineCommand({
  path: ['status'],
  summary: 'How each source stands: last success, files and rows, what waits or failed, who is loading',
  arguments: { sources: { describe: 'Names of sources (default: all)', many: true } },
  options: {},
  examples: [
    { command: 'lakeledger status', comment: 'all sources, one line each' },
    { command: 'lakeledger status orders -o json', comment: 'one source, everything about it' },
  ],
  async run(invocation) {
    const names = invocation.arguments.sources;
    const all = await withLake(invocation, async (lake) => {
      const { overview } = await import('../../ingest/report/overview.js');
      const deps = { session: await lake.session(), catalog: lake.catalog };
      return overview(deps, { now: Date.now(), host: hostname(), sources: configuredSources(invocation) });
    });
    const unknown = names.find((name) => !all.some(({ source }) => source === name));
    if (unknown !== undefined) throw unknownSource(unknown, all);
    const shown = names.length === 0 ? all : all.filter(({ source }) => names.includes(source));
    if (shown.length === 0) {
      invocation.log.note('there is no source yet: none is configured and nothing was ingested');
    }
    const rows = shown.map(({ lock, ...status }) => ({ ...status, lock_run_id: lock?.run_id ?? null }));
    await writeObject(invocation, {
      value: shown,
      text: (style) => {
        const { columns, rows: lines } = lineRows(shown);
        return shown.length === 0 ? '' : renderTable(columns, lines, style);
      },
      rows: rowsOf(rows),
    });
    return EXIT.ok;
  },
});

function unknownSource(name: string, all: readonly SourceStatus[]): Error {
  const known = [...new Set(all.map(({ source }) => source))];
  return usageError(`there is no source "${name}"`, { hint: didYouMean(name, known) });
}

/** One line per source; a count that is nothing is not shown. */
function lineRows(all: readonly SourceStatus[]): Rows {
  const lines = all.map((status) => ({
    source: status.source,
    target: status.target,
    state: status.state,
    'last success': status.age_seconds === null ? 'never' : `${durationText(status.age_seconds)} ago`,
    files: status.files,
    rows: status.rows,
    backlog: backlogText(status),
    'next retry': status.next_retry_at?.slice(0, 19).replace('T', ' ') ?? null,
    'newest date': status.newest_business_date,
    lock: lockText(status.lock),
  }));
  return rowsOf(lines);
}

function backlogText(status: SourceStatus): string | null {
  const parts = [
    [status.waiting, 'to retry'],
    [status.failed, 'failed'],
    [status.dead_letter, 'dead letter'],
    [status.held, 'held'],
    [status.in_progress, 'begun'],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return told.length === 0 ? null : told.join(', ');
}

function lockText(lock: SourceStatus['lock']): string | null {
  if (lock === null) return null;
  const who = `run ${lock.run_id.slice(0, 8)}, process ${lock.pid} on ${lock.host}`;
  return lock.alive ? who : `${who} (dead)`;
}
