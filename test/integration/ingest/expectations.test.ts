import { expect, it } from 'vitest';
import { Desk, fileOf } from '../../support/ingest-desk.js';

const GOOD = 'id,v\n1,5\n2,6\n';
const BAD = 'id,v\n3,7\n4,-1\n5,\n';
type Action = 'warn' | 'quarantine' | 'fail';
const expectations = (action: Action) => [{ name: 'positive', expect: 'v >= 0', action }];

async function judged(action: Action) {
  const desk = await Desk.open({ expectations: expectations(action) });
  desk.write('good.csv', GOOD).write('bad.csv', BAD);
  return { desk, result: await desk.ingest() };
}

it('warn: the rows come, and the file says how many break it', async () => {
  const { desk, result } = await judged('warn');
  expect(result).toMatchObject({ processed: 2, failed: 0, rows: 5, rejected: 0 });
  expect(fileOf(result, 'bad.csv').notes).toEqual(['1 row does not meet "positive" (v >= 0)']);
  expect(fileOf(result, 'good.csv').notes).toEqual([]);
  await desk.expectSettled();
});

it('quarantine: the rows that break it are rejects with file, row, reason and text; an unknown value breaks nothing', async () => {
  const { desk, result } = await judged('quarantine');
  expect(fileOf(result, 'bad.csv')).toMatchObject({ status: 'INGESTED', rows: 2, rejected: 1 });
  expect(await desk.counts()).toEqual({ 'bad.csv': 2, 'good.csv': 2 });
  const rejects = await desk.rows(
    'SELECT run_id, source, target, file_path, file_sha, row_no, kind, error, text FROM metadata.reject',
  );
  expect(rejects).toEqual([
    {
      run_id: result.run_id,
      source: 's',
      target: 'bronze.t',
      file_path: 'in/bad.csv',
      file_sha: fileOf(result, 'bad.csv').file_sha,
      row_no: 2n,
      kind: 'expectation',
      error: 'does not meet the expectation "positive": v >= 0',
      text: '{"id":4,"v":-1,"_row_no":2,"_rescued_data":null}',
    },
  ]);
  // Loaded again: the same reject is the same one.
  await desk.ingest({ fullRefresh: true });
  expect(await desk.rows('SELECT count(*)::INTEGER AS n FROM metadata.reject')).toEqual([{ n: 1 }]);
  expect(await desk.counts()).toEqual({ 'bad.csv': 2, 'good.csv': 2 });
  await desk.expectSettled();
});

it('fail: the file fails alone, and the same file comes when nobody expects it any more', async () => {
  const { desk, result } = await judged('fail');
  expect(fileOf(result, 'bad.csv')).toMatchObject({ status: 'FAILED', error_code: 'EXPECTATION_FAILED', rows: 0 });
  expect(fileOf(result, 'bad.csv').error).toBe('1 row does not meet "positive" (v >= 0)');
  expect(await desk.counts()).toEqual({ 'good.csv': 2 });
  expect(fileOf(await desk.ingest(), 'bad.csv')).toMatchObject({ rule: 'failed_before', status: null });
  await desk.expectSettled();
  const milder = await desk.with({});
  expect(await milder.ingest({ retryNow: 'all' })).toMatchObject({ processed: 1, failed: 0, rows: 3 });
  expect(await desk.counts()).toEqual({ 'bad.csv': 3, 'good.csv': 2 });
  await desk.expectSettled();
});

it('an expectation on a column that a file does not have yet sees no value; one on a column that nobody has is an error', async () => {
  const desk = await Desk.open({ expectations: [{ name: 'w', expect: 'w > 0', action: 'quarantine' }] });
  desk.write('a.csv', 'id,w\n1,1\n2,-1\n');
  expect(await desk.ingest()).toMatchObject({ rows: 1, rejected: 1 });
  desk.write('b.csv', 'id\n3\n');
  expect(await desk.ingest()).toMatchObject({ rows: 1, rejected: 0, failed: 0 });
  await desk.expectSettled();

  const other = await desk.with(
    { into: 'bronze.u', expectations: [{ name: 'n', expect: 'nobody > 0', action: 'fail' }] },
    'u',
  );
  await expect(other.ingest()).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('nobody') });
  const fixed = await desk.with({ into: 'bronze.u' }, 'u');
  expect(await fixed.ingest()).toMatchObject({ processed: 2, rows: 3 });
  await fixed.expectSettled();
});

it('more rejects than are allowed fail the file', async () => {
  const desk = await Desk.open({ expectations: expectations('quarantine'), max_rejected_rows: 1 });
  desk.write('one.csv', BAD).write('two.csv', 'id,v\n1,-1\n2,-2\n3,3\n');
  const result = await desk.ingest();
  expect(fileOf(result, 'one.csv')).toMatchObject({ status: 'INGESTED', rows: 2 });
  expect(fileOf(result, 'two.csv')).toMatchObject({ status: 'FAILED', error_code: 'TOO_MANY_REJECTS', rows: 0 });
  expect(await desk.counts()).toEqual({ 'one.csv': 2 });
  await desk.expectSettled();
});

it('that cannot be asked of one file, because its values are no numbers, fails this file alone', async () => {
  const desk = await Desk.open({ expectations: expectations('quarantine') });
  desk.write('a.csv', 'id,v\n1,oops\n').write('b.csv', GOOD);
  const result = await desk.ingest();
  expect(fileOf(result, 'a.csv')).toMatchObject({
    status: 'FAILED',
    error_code: 'EXPECTATION_INVALID',
    hint: expect.stringContaining('columns:'),
  });
  expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 2 });
  // The table knows by now that the column is a number: what is none is rescued.
  expect(fileOf(await desk.ingest({ retryNow: 'all' }), 'a.csv')).toMatchObject({ status: 'INGESTED', rescued: 1 });
  await desk.expectSettled();
});
