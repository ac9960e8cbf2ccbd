import { expect, it } from 'vitest';
import { Desk, fileOf } from '../../support/ingest-desk.js';

const A = 'id,v\n1,10\n2,20\n';

/** Runs what other runs do when the first one comes to a step, once. */
function meanwhile(works: Readonly<Record<string, () => Promise<unknown>>>) {
  const left = new Map(Object.entries(works));
  const onStep = async (step: string) => {
    const work = left.get(step);
    left.delete(step);
    await work?.();
  };
  return { hooks: { onStep } };
}

it('a run that is taken for dead before its commit, and overtaken after it, doubles nothing', async () => {
  const desk = await Desk.open();
  const other = await Desk.open({}, { folder: desk.folder });
  desk.write('a.csv', A).write('b.csv', 'id,v\n3,30\n');
  const result = await desk.ingest(
    meanwhile({
      // Its tries are said to have been cut short; nothing is loaded.
      prepared: () => other.ingest({ takeOver: true, maxFiles: 0 }),
      // Its rows are in the target, and it has not said so.
      committed: () => other.ingest({ takeOver: true }),
    }),
  );
  expect(result.failed).toBe(0);
  expect(await desk.counts()).toEqual({ 'a.csv': 2, 'b.csv': 1 });
  await desk.expectSettled();
});

it('a run that is overtaken before its commit decides again, also about a correction', async () => {
  const desk = await Desk.open();
  const other = await Desk.open({}, { folder: desk.folder });
  desk.write('a.csv', A);
  await desk.ingest();
  desk.write('a.csv', 'id,v\n5,50\n').write('b.csv', 'id,v\n3,30\n');
  const late = await desk.ingest(meanwhile({ prepared: () => other.ingest({ takeOver: true }) }));
  expect(fileOf(late, 'a.csv')).toMatchObject({ decision: 'skip', rule: 'same_bytes_same_path' });
  expect(late).toMatchObject({ processed: 0, skipped: 2, failed: 0 });
  expect(await desk.counts()).toEqual({ 'a.csv': 1, 'b.csv': 1 });
  await desk.expectSettled();
});

it('while a run is at work, another one is told who, and may go on when told to', async () => {
  const desk = await Desk.open();
  const other = await Desk.open({}, { folder: desk.folder });
  desk.write('a.csv', A);
  const told: unknown[] = [];
  await desk.ingest(meanwhile({ staged: () => other.ingest().catch((error: unknown) => told.push(error)) }));
  expect(told).toMatchObject([{ code: 'LOCKED', exitCode: 5, retryable: true }]);
  expect(await desk.counts()).toEqual({ 'a.csv': 2 });
  await desk.expectSettled();
});
