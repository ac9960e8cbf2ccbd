import { isAbsolute, relative, resolve, sep } from 'node:path';
import { EXIT, usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { ResolvedSource } from '../../ingest/config/source-config.js';
import type { RetentionOutcome } from '../../ingest/manage/apply-retention.js';
import type { RetentionPlan } from '../../ingest/manage/retention.js';
import type { Lake } from '../../lake.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { defineCommand } from '../command.js';
import { confirm } from '../confirm.js';
import type { Invocation } from '../invocation.js';
import { byteText, countText } from '../render/amounts.js';
import { withLake } from '../with-lake.js';

export const retentionCommand = defineCommand({
  path: ['retention'],
  summary: 'Archive or delete old raw copies and delivered files that were ingested; a dry run unless told',
  arguments: { sources: { describe: 'Names of sources (default: all)', many: true } },
  options: {
    'older-than': { type: 'integer', value: 'DAYS', min: 0, describe: 'Only what is older than so many days' },
    files: { type: 'flag', describe: 'Delivered files of configured sources too, not only raw copies in the lake' },
    archive: { type: 'text', value: 'DIR', describe: 'Move files there; without it they are deleted' },
    apply: { type: 'flag', describe: 'Do it; without it the command only says what it would do' },
  },
  examples: [
    { command: 'lakeledger retention --older-than 90', comment: 'what would go, and what must stay and why' },
    { command: 'lakeledger retention --older-than 90 --archive old --apply', comment: 'move it out of the lake' },
  ],
  async run(invocation) {
    const { options } = invocation;
    const olderThanDays = options['older-than'];
    if (olderThanDays === undefined) {
      throw usageError('retention needs --older-than', { hint: 'say how many days: --older-than 90' });
    }
    const archive = options.archive === undefined ? undefined : resolve(invocation.io.cwd, options.archive);
    const { reportRetention } = await import('../retention-report.js');
    const { plan, outcomes } = await withLake(invocation, async (lake) => {
      if (archive !== undefined) refuseInside(archive, lake.catalog.root);
      const plan = await planOf(lake, invocation, {
        names: invocation.arguments.sources,
        withFiles: options.files,
        olderThanDays,
      });
      const outcomes = options.apply ? await apply(plan, { lake, invocation, archive }) : undefined;
      return { plan, outcomes };
    });
    if (options.apply && outcomes === undefined) invocation.log.note('nothing was changed');
    const failed = await reportRetention(invocation, { plan, outcomes, olderThanDays, archive: options.archive });
    return failed > 0 ? EXIT.data : EXIT.ok;
  },
});

function refuseInside(archive: string, root: string): void {
  const inside = relative(resolve(root), archive);
  if (isAbsolute(inside) || inside === '..' || inside.startsWith(`..${sep}`)) return;
  throw usageError('the archive is a folder outside the lake', { place: archive });
}

interface Wanted {
  readonly names: readonly string[];
  readonly withFiles: boolean;
  readonly olderThanDays: number;
}

async function planOf(lake: Lake, invocation: Invocation, wanted: Wanted): Promise<RetentionPlan> {
  const { allSources } = await import('../select-sources.js');
  const { listRawSources } = await import('../../ingest/load/raw-copy.js');
  const { planRetention } = await import('../../ingest/manage/retention.js');
  const { readSourceStates } = await import('../../ingest/manage/source-states.js');
  const { store } = lake.catalog;
  const configured: readonly ResolvedSource[] = await allSources(invocation);
  const known = [...configured.map(({ name }) => name), ...(await listRawSources(store))];
  for (const name of wanted.names) {
    if (known.includes(name)) continue;
    throw usageError(`there is no source "${name}"`, { place: name, hint: didYouMean(name, known) });
  }
  const deps = { session: await lake.session(), catalog: lake.catalog };
  return planRetention({
    store,
    ...(wanted.names.length === 0 ? {} : { sources: wanted.names }),
    ...(wanted.withFiles ? { files: configured } : {}),
    states: (source) => readSourceStates(deps, source),
    olderThanDays: wanted.olderThanDays,
    now: Date.now(),
  });
}

interface ApplyContext {
  readonly lake: Lake;
  readonly invocation: Invocation;
  readonly archive: string | undefined;
}

/** Undefined when the person that was asked said no. */
async function apply(
  plan: RetentionPlan,
  { lake, invocation, archive }: ApplyContext,
): Promise<readonly RetentionOutcome[] | undefined> {
  const due = plan.items.filter((item) => item.refused === null);
  const bytes = due.reduce((sum, item) => sum + item.size, 0);
  const question = `Delete ${countText(due.length, 'file')} (${byteText(bytes)}) for good?`;
  if (archive === undefined && due.length > 0 && !(await confirm(invocation, question))) return undefined;
  const { applyRetention } = await import('../../ingest/manage/apply-retention.js');
  const { LocalStore } = await import('../../storage/local-store.js');
  const to: { archive?: ObjectStore } = archive === undefined ? {} : { archive: new LocalStore(archive) };
  return applyRetention(plan, { store: lake.catalog.store, ...to });
}
