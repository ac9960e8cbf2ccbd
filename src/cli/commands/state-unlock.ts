import { EXIT, usageError } from '../../base/lake-error.js';
import type { LakeState } from '../../ingest/manage/lake-state.js';
import type { LeaseSummary } from '../../ingest/manage/state-summary.js';
import { defineCommand } from '../command.js';
import { confirm } from '../confirm.js';
import { withLakeState } from '../lake-state.js';
import { fieldLines, writeObject } from '../results.js';
import { leaseText } from './state-get.js';

export const stateUnlockCommand = defineCommand({
  path: ['state', 'unlock'],
  summary: 'Take the lease on a target away from a run that is dead',
  arguments: { target: { describe: 'The target, where several are held' } },
  options: {},
  examples: [
    { command: 'lakeledger state unlock', comment: 'who holds the only lease there is? asks before it breaks it' },
    { command: 'lakeledger state unlock bronze.orders --yes', comment: 'without a question' },
  ],
  async run(invocation) {
    const { lease, agreed } = await withLakeState(invocation, async (state) => {
      const held = await findLease(state, invocation.arguments.target);
      if (held === undefined) return { lease: undefined, agreed: false };
      invocation.log.note(`${held.target} is held by ${leaseText(held)}, last seen ${held.heartbeat_at}`);
      const alive = held.alive ? ' The run looks alive; it goes on, and what it commits is still exactly once.' : '';
      const yes = await confirm(invocation, `Break the lease on ${held.target}?${alive}`);
      return { lease: yes ? await state.unlock(held.target) : held, agreed: yes };
    });
    if (lease === undefined) invocation.log.note('nobody holds a lease');
    else if (!agreed) invocation.log.note('the lease stays');
    const value = { unlocked: agreed && lease !== undefined, lease: lease ?? null };
    await writeObject(invocation, {
      value,
      text: (style) =>
        lease === undefined
          ? ''
          : fieldLines({ [agreed ? 'unlocked' : 'held']: lease.target, by: leaseText(lease) }, style),
    });
    return EXIT.ok;
  },
});

/** The lease that is meant: the one that was named, or the only one. */
async function findLease(state: LakeState, target: string | undefined): Promise<LeaseSummary | undefined> {
  const leases = await state.leases();
  if (target !== undefined) return leases.find((lease) => lease.target === target);
  if (leases.length < 2) return leases[0];
  throw usageError(`${leases.length} leases are held; name the target`, {
    hint: leases.map((lease) => `lakeledger state unlock ${lease.target}`).join(', or '),
  });
}
