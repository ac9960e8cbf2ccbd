import type { FilePlan } from './plan.js';

const FILES_PER_BATCH = 1000;
const BYTES_PER_BATCH = 64 * 1024 * 1024;

/** The files that a run loads together: not too many, not too large; a file that was tried before is alone. */
export function planBatches(plans: readonly FilePlan[]): FilePlan[][] {
  const first = plans.filter(({ decision }) => decision.rule !== 'retry');
  const again = plans.filter(({ decision }) => decision.rule === 'retry');
  const batches: FilePlan[][] = [];
  let bytes = 0;
  for (const plan of first) {
    const size = plan.file.size;
    const last = batches.at(-1);
    if (last === undefined || last.length >= FILES_PER_BATCH || bytes + size > BYTES_PER_BATCH) {
      batches.push([plan]);
      bytes = size;
    } else {
      last.push(plan);
      bytes += size;
    }
  }
  return [...batches, ...again.map((plan) => [plan])];
}
