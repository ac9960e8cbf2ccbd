import { EXIT } from '../../base/lake-error.js';
import type { LeaseSummary, SourceDetail } from '../../ingest/manage/state-summary.js';
import { defineCommand } from '../command.js';
import { withLakeState } from '../lake-state.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';

export const stateGetCommand = defineCommand({
  path: ['state', 'get'],
  summary: 'What the ledger has of each source: files, loads, tries, watermark, lease; of one, each path',
  arguments: {
    names: { describe: 'Sources or targets, to see their paths (default: one line for each source)', many: true },
  },
  options: {},
  examples: [
    { command: 'lakeledger state get', comment: 'one line for each source' },
    { command: 'lakeledger state get -o json', comment: 'for a program' },
  ],
  async run(invocation) {
    const { names } = invocation.arguments;
    const details = await withLakeState(invocation, (state) => state.get(names));
    if (details.length === 0) invocation.log.note('nothing was ingested into this lake yet');
    const value = names.length > 0 ? details : details.map(({ paths, ...summary }) => summary);
    await writeObject(invocation, {
      value,
      text: (style) => stateText(details, names.length > 0, style),
      rows: names.length > 0 ? pathRows(details) : sourceRows(details),
    });
    return EXIT.ok;
  },
});

/** `run 4f2a by ana, process 12 on host1` */
export function leaseText({ run_id, pid, host, actor, alive }: LeaseSummary): string {
  return `run ${run_id} by ${actor}, process ${pid} on ${host}${alive ? '' : ' (dead)'}`;
}

function sourceRows(details: readonly SourceDetail[]) {
  return rowsOf(
    details.map(({ paths, newest, lease, watermark, ...summary }) => ({
      ...summary,
      watermark_column: watermark?.column ?? null,
      watermark: watermark?.value ?? null,
      newest_path: newest?.path ?? null,
      newest_sha: newest?.sha ?? null,
      newest_at: newest?.at ?? null,
      lease_run_id: lease?.run_id ?? null,
    })),
  );
}

function pathRows(details: readonly SourceDetail[]) {
  return rowsOf(
    details.flatMap(({ source, target, paths }) =>
      paths.map((path) => ({ source, target, ...path, loaded: path.loaded.join(' ') })),
    ),
  );
}

function lineRows(details: readonly SourceDetail[]) {
  return rowsOf(
    details.map(({ source, target, batch, files, rows, newest, lease, watermark, ...counts }) => ({
      source,
      target,
      batch,
      files,
      rows,
      newest: newest === null ? null : newest.path,
      at: newest === null ? null : newest.at.slice(0, 19).replace('T', ' '),
      tries: triesText(counts),
      ...(details.some((one) => one.watermark !== null) ? { watermark: watermarkText(watermark) } : {}),
      lease: lease === null ? null : leaseText(lease),
    })),
  );
}

/** `updated_at 2026-03-31 12:00:00+00` */
function watermarkText(watermark: SourceDetail['watermark']): string | null {
  return watermark === null ? null : `${watermark.column} ${watermark.value ?? 'from the beginning'}`;
}

function triesText(
  counts: Pick<SourceDetail, 'retrying' | 'failed' | 'held' | 'unfinished' | 'requested'>,
): string | null {
  const { retrying, failed, held, unfinished, requested } = counts;
  const all = { 'to retry': retrying, failed, held, unfinished, 'asked for again': requested };
  const told = Object.entries(all).filter(([, count]) => count > 0);
  return told.length === 0 ? null : told.map(([what, count]) => `${count} ${what}`).join(', ');
}

function stateText(details: readonly SourceDetail[], withPaths: boolean, style: RowStyle): string {
  if (details.length === 0) return '';
  const { columns, rows } = lineRows(details);
  const summary = renderTable(columns, rows, style);
  if (!withPaths) return summary;
  const paths = details.flatMap(({ paths: all }) =>
    all.map(({ path, sha, status, rows: count, at, held_by }) => ({
      path,
      sha: sha?.slice(0, 12) ?? null,
      status,
      rows: count,
      at: at.slice(0, 19).replace('T', ' '),
      'held by': held_by,
    })),
  );
  const lines = rowsOf(paths);
  return `${summary}\n${renderTable(lines.columns, lines.rows, style)}`;
}
