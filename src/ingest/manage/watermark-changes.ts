import { createHash } from 'node:crypto';
import { usageError } from '../../base/lake-error.js';
import type { LedgerWriter, RecordContext } from '../events/record-events.js';
import { findWatermark, type KnownWatermark, type Watermark, watermarkProblem } from '../table/watermark.js';
import { writeWatermark } from '../table/watermark-table.js';
import { isTablePath, plainEvent, readSourceStates, type SourceState, writeChanges } from './state-changes.js';

/** What is said by hand of how far a table was read. */
export interface WatermarkChange extends RecordContext {
  readonly source: string;
  /** null: from the beginning, as if it had never been read. */
  readonly value: string | null;
  readonly reason: string;
  /** What the configuration says, for a source that was never run. */
  readonly configured?: Pick<Watermark, 'column' | 'type'> & { readonly target: string; readonly path: string };
  /** Says what would change, writes nothing. */
  readonly dryRun?: boolean;
}

/** The table of a source that was run. */
function tableOf(state: SourceState): { readonly path: string; readonly sha: string } | undefined {
  const path = state.states.paths().find((one) => isTablePath(state.states, one));
  const last = path === undefined ? undefined : state.states.loads(path).at(-1);
  return path === undefined ? undefined : { path, sha: last?.sha ?? '' };
}

async function stateOf(deps: LedgerWriter, source: string): Promise<SourceState | undefined> {
  const all = await readSourceStates(deps);
  const own = all.filter((one) => one.source === source && tableOf(one) !== undefined);
  if (own.length < 2) return own[0];
  throw usageError(`the source "${source}" has ${own.length} targets`, {
    hint: own.map(({ target }) => target).join(', '),
  });
}

function noWatermark(source: string, known: boolean): Error {
  return known
    ? usageError(`the source "${source}" is read in full: it has no watermark`, {
        hint: `lakeledger ingest ${source} --rerun reads it again`,
      })
    : usageError(`"${source}" is no table that was read, and the configuration has no watermark for it`, {
        hint: 'lakeledger state get',
      });
}

/**
 * Sets the watermark of a source, or resets it; the next run reads from there on, and what the target has already is not loaded twice. The
 * change is an event with its reason. Returns the watermark before and after. Throws a usage error for a value that is none.
 */
export async function setWatermark(
  deps: LedgerWriter,
  change: WatermarkChange,
): Promise<{ readonly before: Watermark | null; readonly after: Watermark }> {
  const { source, value, reason, runId, configured } = change;
  const state = await stateOf(deps, source);
  const events = state?.states.paths().flatMap((path) => state.states.history(path)) ?? [];
  const known: KnownWatermark | undefined = findWatermark(events);
  const facts = configured ?? known;
  if (facts === undefined) throw noWatermark(source, state !== undefined);
  const { column, type } = facts;
  const problem = value === null ? undefined : watermarkProblem(type, value);
  if (problem !== undefined) throw usageError(`the watermark "${value}" ${problem}`, { place: `${source}.${column}` });
  const target = state?.target ?? configured?.target ?? '';
  const place = (state === undefined ? undefined : tableOf(state)) ?? { path: configured?.path ?? '', sha: '' };
  const after: Watermark = { column, type, value, late_from: null, open: 0 };
  const before = known === undefined ? null : watermarkFacts(known);
  if (change.dryRun === true) return { before, after };
  const event = plainEvent({
    source,
    target,
    path: place.path,
    sha: place.sha === '' ? nothingRead(source, target) : place.sha,
    status: 'SKIPPED',
    action: 'skip',
    rule: value === null ? 'watermark_reset' : 'watermark_set',
    reason,
    seq: state?.seq ?? 0,
    runId,
    detail: { by_hand: true, watermark: after, extract: {}, evidence: { before: before?.value ?? null } },
  });
  await writeChanges(deps, [event], change);
  const at = new Date(deps.clock.now()).toISOString();
  await writeWatermark(deps, { ...after, source, target, at, runId, reason });
  return { before, after };
}

function watermarkFacts({ column, type, value, late_from, open }: KnownWatermark): Watermark {
  return { column, type, value, late_from, open };
}

/** Stands for the content of a table that was never read. */
function nothingRead(source: string, target: string): string {
  return createHash('sha256')
    .update(JSON.stringify(['nothing was read', source, target]))
    .digest('hex');
}
