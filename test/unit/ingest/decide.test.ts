import { describe, expect, test } from 'vitest';
import type { FileEvent } from '../../../src/ingest/model.js';
import { type DecidePolicy, decideFile, expectedEvent, replacedShas } from '../../../src/ingest/plan/decide.js';
import { FileStates } from '../../../src/ingest/plan/state.js';
import { fileEvent, second, sha } from '../../support/file-events.js';

const A = sha('a');
const B = sha('b');
const policy: DecidePolicy = {
  correction: 'replace',
  now: Date.parse(second(1000)),
  retry: { maxAttempts: 3, baseDelayMs: 1000, maxDelayMs: 60_000 },
};

function decide(events: readonly FileEvent[], file: { path?: string; sha?: string } = {}, more: object = {}) {
  return decideFile({ path: 'a.csv', sha: A, ...file }, new FileStates(events), { ...policy, ...more });
}

const failed = fileEvent({ status: 'FAILED', attempt: 1, errorCode: 'SOURCE_FORMAT', error: 'row 7 has 9 columns' });
const waiting = fileEvent({ status: 'RETRYING', attempt: 1, nextRetryAt: second(2000), error: 'disk full' });
const dead = fileEvent({ status: 'FAILED', attempt: 3, rule: 'dead_letter', error: 'disk full' });
const loaded = fileEvent();
const held = fileEvent({ seq: 2, sha: B, status: 'QUARANTINED', action: 'hold', rule: 'correction', reason: 'held' });
const stopped = fileEvent({ status: 'QUARANTINED', errorCode: 'SCHEMA_DRIFT', error: 'new column x' });

describe('what "retry" tries', () => {
  test.each([
    ['nothing', undefined, ['skip/failed_before', 'wait/retry_not_due', 'skip/dead_letter', 'skip/quarantined']],
    ['due', 'due', ['skip/failed_before', 'wait/retry_not_due', 'skip/dead_letter', 'skip/quarantined']],
    ['dead letters', 'dead_letter', ['skip/failed_before', 'wait/retry_not_due', 'load/retry', 'skip/quarantined']],
    ['all', 'all', ['load/retry', 'load/retry', 'load/retry', 'load/retry']],
  ])('asked for %s', (_, retryNow, expected) => {
    const decisions = [failed, waiting, dead, stopped].map((event) => decide([event], {}, { retryNow }));
    expect(decisions.map(({ action, rule }) => `${action}/${rule}`)).toEqual(expected);
  });

  test('is not what a policy holds: a person releases that', () => {
    expect(decide([loaded, held], { sha: B }, { retryNow: 'all' })).toMatchObject({
      action: 'skip',
      rule: 'quarantined',
    });
  });

  test('a dead letter has new tries when more are allowed', () => {
    const retry = { ...policy.retry, maxAttempts: 5 };
    expect(decide([dead], {}, { retry })).toMatchObject({ action: 'load', rule: 'retry', evidence: { attempt: 3 } });
  });

  test('a try is due at its time, not before', () => {
    const at = (n: number) => decide([waiting], {}, { now: Date.parse(second(n)) }).action;
    expect([at(1999), at(2000)]).toEqual(['wait', 'load']);
  });
});

describe('a full refresh', () => {
  const refresh = { fullRefresh: true };
  test('loads again what is loaded, failed or new, once', () => {
    expect(decide([loaded], {}, refresh)).toMatchObject({ action: 'replace', rule: 'reprocess' });
    expect(decide([failed], {}, refresh)).toMatchObject({ action: 'load', rule: 'retry' });
    expect(decide([], {}, refresh)).toMatchObject({ action: 'load', rule: 'new' });
    expect(decide([loaded], { sha: B }, refresh)).toMatchObject({ action: 'replace', rule: 'correction' });
  });

  test('leaves an alias what it is, and what is held held', () => {
    const alias = fileEvent({ seq: 2, path: 'b.csv', status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path' });
    expect(decide([loaded, alias], { path: 'b.csv' }, refresh)).toMatchObject({ rule: 'same_bytes_same_path' });
    expect(decide([loaded, held], { sha: B }, refresh)).toMatchObject({ rule: 'quarantined' });
  });
});

describe('the files of one plan', () => {
  const at = { source: 'daily', target: 'bronze.daily', seq: 9, at: second(900), runId: 'r', replaced: [] as string[] };
  function plan(events: readonly FileEvent[], files: readonly (readonly [path: string, sha: string])[]): string[] {
    const states = new FileStates(events);
    return files.map(([path, bytes]) => {
      const file = { path, sha: bytes };
      const decision = decideFile(file, states, policy);
      const replaced = replacedShas(file, decision, { states, policy });
      const event = expectedEvent(file, decision, { ...at, replaced });
      if (event !== undefined) states.add(event);
      return `${decision.action}/${decision.rule}`;
    });
  }

  test('with the same bytes are loaded once', () => {
    expect(
      plan(
        [],
        [
          ['a.csv', A],
          ['b.csv', A],
          ['c.csv', A],
        ],
      ),
    ).toEqual(['load/new', 'skip/same_bytes_new_path', 'skip/same_bytes_new_path']);
  });

  test('may swap their bytes', () => {
    const b = fileEvent({ seq: 2, path: 'b.csv', sha: B });
    expect(
      plan(
        [loaded, b],
        [
          ['a.csv', B],
          ['b.csv', A],
        ],
      ),
    ).toEqual(['replace/correction', 'replace/correction']);
  });

  test('a renamed file is known by its bytes; the old name with new bytes corrects, and the new name inherits', () => {
    expect(
      plan(
        [loaded],
        [
          ['renamed.csv', A],
          ['a.csv', B],
        ],
      ),
    ).toEqual(['skip/same_bytes_new_path', 'replace/correction']);
    expect(
      plan(
        [loaded],
        [
          ['a.csv', B],
          ['renamed.csv', A],
        ],
      ),
    ).toEqual(['replace/correction', 'load/new']);
  });
});

describe('who has which bytes', () => {
  const alias = (path: string, seq: number) =>
    fileEvent({ seq, path, status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path' });
  const corrected = fileEvent({ seq: 5, sha: B, action: 'replace', rule: 'correction', batch: 5 });

  test('the oldest alias is heir when the owner gets other bytes, unless somebody else has rows of them', () => {
    const states = new FileStates([loaded, alias('b.csv', 2), alias('c.csv', 3)]);
    expect(states.heir('a.csv', A)?.path).toBe('b.csv');
    expect(states.aliases(A).map(({ path }) => path)).toEqual(['b.csv', 'c.csv']);
    states.add(fileEvent({ seq: 4, path: 'd.csv' }));
    expect(states.heir('a.csv', A)).toBeUndefined();
  });

  test('an heir that has been told of owns the rows; one that was not is loaded', () => {
    const told = fileEvent({ seq: 5, path: 'b.csv', rule: 'same_bytes_new_path', batch: 5 });
    const events = [loaded, alias('b.csv', 2), alias('c.csv', 3), corrected];
    expect(decide([...events, told], { path: 'b.csv' }).rule).toBe('same_bytes_same_path');
    expect(decide([...events, told], { path: 'c.csv' }).rule).toBe('same_bytes_same_path');
    expect(new FileStates([...events, told]).owner(A)?.path).toBe('b.csv');
    expect(decide(events, { path: 'b.csv' })).toMatchObject({ action: 'load', rule: 'new' });
    expect(new FileStates(events).current('b.csv')).toBeUndefined();
  });

  test('a commit that two runs tell the end of counts once', () => {
    const appended = fileEvent({ seq: 3, sha: B, action: 'append', rule: 'correction', batch: 3 });
    const recovered = { ...appended, at: second(99), runId: 'other' };
    expect(new FileStates([loaded, appended, recovered]).loads('a.csv')).toHaveLength(2);
  });

  test('of two runs that saw the same ledger the later commit counts, whichever told its end first', () => {
    const first = fileEvent({ seq: 7, sha: A, action: 'replace', batch: 7, at: second(99), runId: 'one' });
    const later = fileEvent({ seq: 7, sha: B, action: 'replace', batch: 8, at: second(98), runId: 'two' });
    const states = new FileStates([loaded, first, later]);
    expect(states.current('a.csv')?.sha).toBe(B);
    expect(states.loadedShas('a.csv')).toEqual([B]);
  });

  test('under append the rows of both are there', () => {
    const later = fileEvent({ seq: 7, sha: B, action: 'append', batch: 8, at: second(98), runId: 'two' });
    const first = fileEvent({ seq: 7, sha: sha('c'), action: 'append', batch: 7, at: second(99), runId: 'one' });
    const states = new FileStates([loaded, first, later]);
    expect(states.current('a.csv')?.sha).toBe(B);
    expect(states.loadedShas('a.csv').toSorted()).toEqual([A, B, sha('c')]);
  });

  test('a reload under append takes only the rows of its own bytes', () => {
    const appended = fileEvent({ seq: 2, sha: B, action: 'append', rule: 'correction', batch: 2 });
    const states = new FileStates([loaded, appended]);
    const append = { ...policy, correction: 'append' as const };
    const file = { path: 'a.csv', sha: B };
    const decision = decideFile(file, states, { ...append, fullRefresh: true });
    expect(decision).toMatchObject({ action: 'replace', rule: 'reprocess' });
    expect(replacedShas(file, decision, { states, policy: append })).toEqual([B]);
    const replaced = fileEvent({ seq: 3, sha: B, action: 'replace', batch: 3, detail: { replaced: [B] } });
    states.add(replaced);
    expect(states.loadedShas('a.csv')).toEqual([A, B]);
  });
});

describe('one thing after another', () => {
  const skip = { status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path' } as const;
  const corrected = fileEvent({ seq: 5, sha: B, action: 'replace', rule: 'correction' });

  test('bytes that failed here, were then held elsewhere and are not any more, are new', () => {
    const here = { path: 'b.csv', sha: A };
    const events = [fileEvent({ ...failed, ...here }), fileEvent({ seq: 3 }), fileEvent({ seq: 4, ...here, ...skip })];
    expect(decide([...events, { ...corrected, seq: 6 }], here)).toMatchObject({ action: 'load', rule: 'new' });
  });

  test('under hold an alias gets no other bytes, be they held elsewhere or not', () => {
    const events = [
      loaded,
      fileEvent({ seq: 2, path: 'b.csv', sha: B }),
      fileEvent({ seq: 3, path: 'c.csv', ...skip }),
    ];
    const held = { action: 'hold', rule: 'correction' };
    expect(decide(events, { path: 'c.csv', sha: B }, { correction: 'hold' })).toMatchObject(held);
    expect(decide(events, { path: 'c.csv', sha: B })).toMatchObject({ rule: 'same_bytes_new_path' });
  });

  test('a try that was cut short does not count as one', () => {
    const begun = fileEvent({ status: 'PROCESSING', attempt: 1 });
    expect(decide([begun])).toMatchObject({ action: 'load', rule: 'retry', evidence: { attempt: 0 } });
  });

  test('a correction that failed is held when the policy has become hold', () => {
    const events = [loaded, fileEvent({ ...waiting, seq: 2, sha: B, nextRetryAt: second(5) })];
    expect(decide(events, { sha: B })).toMatchObject({ action: 'replace', rule: 'retry' });
    expect(decide(events, { sha: B }, { correction: 'hold' })).toMatchObject({ action: 'hold', rule: 'correction' });
  });

  test('what was held and is released is added under append, and replaces otherwise', () => {
    const released = fileEvent({ seq: 3, sha: B, status: 'PENDING', reprocess: true, reason: 'checked by hand' });
    const events = [loaded, held, released];
    expect(decide(events, { sha: B }, { correction: 'append' }).action).toBe('append');
    for (const correction of ['replace', 'hold']) {
      expect(decide(events, { sha: B }, { correction })).toMatchObject({
        action: 'replace',
        rule: 'reprocess',
        reason: 'loading it again was asked for: checked by hand',
      });
    }
  });
});

test('a decision says what it rests on', () => {
  expect(decide([{ ...loaded, batch: 4 }], { sha: B })).toEqual({
    action: 'replace',
    rule: 'correction',
    reason: `other bytes than at its last delivery (a00000000000, ${loaded.at}); its rows take the place of the earlier ones`,
    evidence: {
      path: 'a.csv',
      sha: B,
      run_id: 'run-1',
      batch: 4,
      status: 'INGESTED',
      at: loaded.at,
      was: A,
      was_run_id: 'run-1',
      was_batch: 4,
      was_at: loaded.at,
    },
  });
});
