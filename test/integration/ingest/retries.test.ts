import { utimesSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Desk, endings, fileOf, HandClock } from '../../support/ingest-desk.js';

const HOUR = 3_600_000;
const RETRY = { attempts: 3, delay: '2h', max_delay: '6h' };

/** While it does so, the file changes under every reader. */
function touching(desk: Desk, name: string) {
  let times = 0;
  const onStep = (step: string) => {
    if (step === 'written_ahead') utimesSync(desk.at(name), 1, ++times);
  };
  return { hooks: { onStep } };
}

it('a file that cannot be read for now is tried again when its time has come, more and more seldom, until it is a dead letter', async () => {
  const clock = new HandClock();
  const desk = await Desk.open({ retry: RETRY }, { clock });
  desk.write('a.csv', 'id\n1\n').write('b.csv', 'id\n2\n');
  const first = await desk.ingest(touching(desk, 'a.csv'));
  expect(endings(first)).toEqual({ 'a.csv': 'load new RETRYING SOURCE_CHANGED', 'b.csv': 'load new INGESTED' });
  expect(first).toMatchObject({ status: 'failed', processed: 1, failed: 1, rows: 1 });
  // Full jitter: half of the delay, as the clock has it.
  expect(fileOf(first, 'a.csv')).toMatchObject({ attempt: 1, next_retry_at: at(clock, HOUR) });

  expect(endings(await desk.ingest())).toEqual({
    'a.csv': 'wait retry_not_due -',
    'b.csv': 'skip same_bytes_same_path -',
  });
  clock.forward(HOUR + 1);
  const second = await desk.ingest(touching(desk, 'a.csv'));
  expect(fileOf(second, 'a.csv')).toMatchObject({
    rule: 'retry',
    status: 'RETRYING',
    attempt: 2,
    next_retry_at: at(clock, 2 * HOUR),
  });
  clock.forward(2 * HOUR + 1);
  const third = await desk.ingest(touching(desk, 'a.csv'));
  expect(fileOf(third, 'a.csv')).toMatchObject({ status: 'FAILED', attempt: 3, next_retry_at: null });
  clock.forward(100 * HOUR);
  const dead = await desk.ingest();
  expect(fileOf(dead, 'a.csv')).toMatchObject({ decision: 'skip', rule: 'dead_letter', status: null });
  expect(await desk.ingest({ retryNow: 'due' })).toMatchObject({ processed: 0, failed: 0 });
  expect(await desk.counts()).toEqual({ 'b.csv': 1 });
  await desk.expectSettled();

  const again = await desk.ingest({ retryNow: 'dead_letter' });
  expect(endings(again)).toMatchObject({ 'a.csv': 'load retry INGESTED' });
  expect(await desk.counts()).toEqual({ 'a.csv': 1, 'b.csv': 1 });
  await desk.expectSettled();
});

function at(clock: HandClock, ms: number): string {
  // Events are a millisecond apart; the time of the next try goes by the clock alone.
  return new Date(clock.now() + ms).toISOString().replace('Z', '000Z');
}

it('a short pause is waited for within the run', async () => {
  const desk = await Desk.open({ retry: { attempts: 5, delay: '20ms' } });
  desk.write('a.csv', 'id\n1\n');
  let left = 2;
  const onStep = (step: string) => {
    if (step === 'written_ahead' && left-- > 0) utimesSync(desk.at('a.csv'), 1, left + 10);
  };
  const result = await desk.ingest({ hooks: { onStep } });
  expect(result.files).toMatchObject([{ path: 'in/a.csv', status: 'INGESTED', attempt: 3, rows: 1, error: null }]);
  expect((await desk.events()).map(({ status }) => status)).toEqual(
    'PROCESSING RETRYING PROCESSING RETRYING PROCESSING INGESTED'.split(' '),
  );
  await desk.expectSettled();
});

it('a file that is wrong fails once; other bytes, or being asked, try again', async () => {
  const desk = await Desk.open();
  desk.write('a.json', '[{"id": 1}').write('b.json', '[{"id": 2}]');
  const first = await desk.ingest();
  expect(endings(first)).toEqual({ 'a.json': 'load new FAILED SOURCE_FORMAT', 'b.json': 'load new INGESTED' });
  expect(fileOf(first, 'a.json')).toMatchObject({
    next_retry_at: null,
    error: expect.stringContaining('is not closed'),
  });
  const versions = await desk.versions();
  expect(endings(await desk.ingest())).toMatchObject({ 'a.json': 'skip failed_before -' });
  expect(await desk.versions()).toEqual(versions);
  expect(endings(await desk.ingest({ retryNow: 'all' }))).toMatchObject({
    'a.json': 'load retry FAILED SOURCE_FORMAT',
  });
  desk.write('a.json', '[{"id": 1}]');
  expect(endings(await desk.ingest())).toMatchObject({ 'a.json': 'load new INGESTED' });
  await desk.expectSettled();
});

it('a file that goes away while it is read, and one that comes late', async () => {
  const clock = new HandClock();
  const desk = await Desk.open({ retry: RETRY }, { clock });
  desk.write('a.csv', 'id\n1\n').write('b.csv', 'id\n2\n');
  const onStep = (step: string) => {
    if (step === 'written_ahead') desk.remove('a.csv');
  };
  const result = await desk.ingest({ hooks: { onStep } });
  expect(fileOf(result, 'a.csv')).toMatchObject({ rows: 0, version: null });
  expect(fileOf(result, 'a.csv').error).not.toBeNull();
  expect(await desk.counts()).toEqual({ 'b.csv': 1 });
  await desk.expectSettled();
  desk.write('a.csv', 'id\n1\n');
  clock.forward(100 * HOUR);
  expect(await desk.ingest()).toMatchObject({ processed: 1, failed: 0 });
  expect(await desk.counts()).toEqual({ 'a.csv': 1, 'b.csv': 1 });
  await desk.expectSettled();
});

it('at most so many files are loaded, and the others by the next run', async () => {
  const desk = await Desk.open();
  for (let i = 0; i < 5; i++) desk.write(`${i}.csv`, `id\n${i}\n`);
  expect(await desk.ingest({ maxFiles: 2 })).toMatchObject({ processed: 2, failed: 0 });
  expect(Object.keys(await desk.counts())).toEqual(['0.csv', '1.csv']);
  expect(await desk.ingest({ maxFiles: 2 })).toMatchObject({ processed: 2, skipped: 2 });
  expect(await desk.ingest({ maxFiles: 2 })).toMatchObject({ processed: 1, skipped: 4 });
  expect(Object.values(await desk.counts())).toEqual([1, 1, 1, 1, 1]);
  await desk.expectSettled();
});
