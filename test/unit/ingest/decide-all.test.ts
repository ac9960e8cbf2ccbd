import { describe, expect, test } from 'vitest';
import type { CorrectionPolicy, Decision, FileEvent } from '../../../src/ingest/model.js';
import { decideFile, expectedEvent } from '../../../src/ingest/plan/decide.js';
import { FileStates } from '../../../src/ingest/plan/state.js';
import {
  type Delivery,
  decideIn,
  deliver,
  ENDINGS,
  emptyWorld,
  isLoading,
  policyOf,
  request,
  type Step,
  type World,
} from '../../support/ingest-model.js';

const PATHS = ['p', 'q'];
const CONTENTS = ['A', 'B', 'C'];
const DELIVERIES = 4;

/** All deliveries that can come next; names are given in the order of first use, because which name is whose does not matter. */
function nextDeliveries(steps: readonly Step[]): Delivery[] {
  const used = (names: readonly string[], key: 'path' | 'sha') =>
    names.slice(0, new Set(steps.map((step) => step[key])).size + 1);
  return used(PATHS, 'path').flatMap((path) => used(CONTENTS, 'sha').map((sha) => ({ path, sha })));
}

/** Calls `visit` for every delivery of every sequence, with the world before it, and for the world after each ending. */
function everySequence(
  correction: CorrectionPolicy,
  visit: (before: World, file: Delivery, given: { decision: Decision; after: World }) => void,
  deliveries = DELIVERIES,
): number {
  let count = 0;
  const walk = (world: World): void => {
    for (const file of nextDeliveries(world.steps)) {
      const decision = decideIn(world, file);
      const last = world.steps.length + 1 === deliveries;
      // How the last delivery ends shows only in the target, and only a load changes that.
      for (const ending of isLoading(decision) && !last ? ENDINGS : (['loaded'] as const)) {
        const after = deliver(world, file, { decision, ending });
        count++;
        visit(world, file, { decision, after });
        if (!last) walk(after);
      }
    }
  };
  walk(emptyWorld(correction));
  return count;
}

function story(world: World): string {
  const steps = world.steps.map(
    ({ path, sha, decision, ending }) => `${path}=${sha} ${decision.action}/${decision.rule} ${ending ?? '-'}`,
  );
  return `${world.correction}: ${steps.join(' · ')} → ${JSON.stringify([...world.rows])}`;
}

/** `expect` for each of a million facts would take minutes. */
function must(holds: boolean, what: string, world: World): void {
  if (!holds) expect.fail(`${what}: ${story(world)}`);
}

function wasAccepted({ decision, ending }: Step): boolean {
  return ending === 'loaded' || decision.rule === 'same_bytes_new_path' || decision.rule === 'same_bytes_same_path';
}

/** The contents that a path was given one after the other, each as often as it changed. */
function changesOf(world: World, path: string): Step[] {
  const accepted = world.steps.filter((step) => step.path === path && wasAccepted(step));
  return accepted.filter((step, i) => step.sha !== accepted[i - 1]?.sha);
}

function rowsOf(world: World, path: string): readonly string[] {
  return world.rows.get(path) ?? [];
}

function isHeldByOther(world: World, { path, sha }: Delivery): boolean {
  return PATHS.some((other) => other !== path && rowsOf(world, other).includes(sha));
}

/** The events that can matter for a file, found like `sql/ingest/read_related_events.sql` does. */
function related(events: readonly FileEvent[], file: Delivery): FileEvent[] {
  const delivered = new Set(events.filter((e) => e.path === file.path || e.sha === file.sha).map((e) => e.path));
  const content = new Set(events.filter((e) => delivered.has(e.path)).map((e) => e.sha));
  const paths = new Set(events.filter((e) => content.has(e.sha)).map((e) => e.path));
  return events.filter((e) => paths.has(e.path));
}

describe.each(['replace', 'append', 'hold'] as const)('all short histories under %s', (correction) => {
  test('leave in the target what the policy says, and the ledger knows what that is', () => {
    const count = everySequence(correction, (_before, _file, { after }) => {
      const states = new FileStates(after.events);
      for (const path of PATHS) {
        const rows = rowsOf(after, path);
        must(
          states
            .loads(path)
            .map(({ sha }) => sha)
            .join() === rows.join(),
          'the ledger knows the rows',
          after,
        );
        const changes = changesOf(after, path);
        const newest = changes.at(-1);
        if (newest === undefined) {
          must(rows.length === 0, 'nothing without a load', after);
        } else if (correction === 'replace') {
          const own = rows.length === 1 && rows[0] === newest.sha;
          must(own || (rows.length === 0 && isHeldByOther(after, newest)), 'the newest content is there once', after);
          must(states.current(path)?.sha === newest.sha, 'the ledger knows the content', after);
        } else if (correction === 'append') {
          const own = changes.filter(({ decision }) => decision.rule !== 'same_bytes_new_path');
          must(rows.join() === own.map(({ sha }) => sha).join(), 'every change is there once', after);
        } else {
          must(rows.length <= 1 && changes.length === 1, 'the first content stays', after);
        }
      }
    });
    expect(count).toBeGreaterThan(5000);
  });

  test('are decided by what was delivered and how it ended', () => {
    everySequence(correction, (before, file, { decision, after }) => {
      const mine = before.steps.filter(({ path, sha }) => path === file.path && sha === file.sha);
      const last = mine.findLast(({ ending, decision: { rule, action } }) =>
        [ending !== undefined, action === 'hold', rule === 'same_bytes_new_path'].includes(true),
      );
      const held = isHeldByOther(before, file) && rowsOf(before, file.path).length === 0;
      const current = changesOf(before, file.path).at(-1);
      const { action, rule } = decision;
      if (action === 'hold') must(correction === 'hold' && current !== undefined, 'only corrections are held', after);
      if (action === 'append') must(correction === 'append', 'appended only under append', after);
      if (rule === 'same_bytes_new_path') {
        must(held, 'an alias has its bytes elsewhere and nothing of its own', after);
      } else if (current?.sha === file.sha && (held || rowsOf(before, file.path).length > 0)) {
        must(rule === 'same_bytes_same_path' && action === 'skip', 'what is there is skipped', after);
        must(after.events.length === before.events.length, 'a skip leaves no event', after);
        must(expectedEvent(file, decision, expectedAt) === undefined, 'and none is expected', after);
      } else if (last?.ending === 'terminal') {
        must(rule === 'failed_before' && action === 'skip', 'a terminal failure is not tried again', after);
      } else if (last?.ending === 'held' || last?.decision.action === 'hold') {
        must(rule === 'quarantined' && action === 'skip', 'held stays held', after);
      } else if (last?.ending === 'soon' || last?.ending === 'late') {
        const tries = mine.filter(({ ending }) => ending === 'soon' || ending === 'late').length;
        const fresh = last.decision.rule === 'retry' || tries > 1;
        if (rule === 'dead_letter') must(fresh && action === 'skip', 'only the last try makes a dead letter', after);
        else if (rule === 'retry_not_due') must(last.ending === 'late' && action === 'wait', 'waits', after);
        else must(last.ending === 'soon' && (rule === 'retry' || action === 'hold'), 'tried again when due', after);
      } else if (last?.ending === 'cut') {
        must(
          ['retry', 'dead_letter', 'retry_not_due', 'failed_before', 'quarantined'].includes(rule) || action === 'hold',
          'a try that was cut is done again, or judged by the one before',
          after,
        );
      } else if (current !== undefined && (rowsOf(before, file.path).length > 0 || isHeldByOther(before, current))) {
        const had = changesOf(before, file.path).some(({ sha }) => sha === file.sha);
        must(rule === (had ? 'returned' : 'correction'), 'other bytes are a correction', after);
      } else {
        must(action === 'load' && rule === 'new', 'what is new is loaded', after);
      }
    });
  });

  test('are decided alike in whatever order the events are given, one by one, and with only those that matter', () => {
    everySequence(correction, (before, file, { decision, after }) => {
      const same = (states: FileStates) =>
        JSON.stringify(decideFile(file, states, policyOf(before))) === JSON.stringify(decision);
      must(same(new FileStates(before.events.toReversed())), 'reversed', after);
      must(same(new FileStates(related(before.events, file))), 'related events alone', after);
      const odd = before.events.filter((_, i) => i % 2 === 1);
      const grown = new FileStates(odd);
      for (const event of before.events) if (!odd.includes(event)) grown.add(event);
      must(same(grown), 'added one by one', after);
    });
  });

  test('answer a request with one load, unless another path has the rows', () => {
    everySequence(
      correction,
      (_before, file, { after }) => {
        const asked = request(after, file);
        const decision = decideIn(asked, file);
        const alias =
          rowsOf(after, file.path).length === 0 &&
          isHeldByOther(after, file) &&
          changesOf(after, file.path).at(-1)?.sha === file.sha;
        if (alias) return must(decision.rule === 'same_bytes_same_path', 'the owner is the one to ask', asked);
        must(isLoading(decision) && decision.rule === 'reprocess', 'loaded', asked);
        const done = deliver(asked, file, { decision, ending: 'loaded' });
        must(rowsOf(done, file.path).filter((sha) => sha === file.sha).length === 1, 'once in the target', done);
        must(decideIn(done, file).rule === 'same_bytes_same_path', 'once asked, once loaded', done);
        const failed = deliver(asked, file, { decision, ending: 'terminal' });
        must(decideIn(failed, file).rule === 'failed_before', 'a failed load is not repeated by itself', failed);
        must(JSON.stringify([...failed.rows]) === JSON.stringify([...asked.rows]), 'nor undoes anything', failed);
        const soon = deliver(asked, file, { decision, ending: 'soon' });
        must(isLoading(decideIn(soon, file)) && decideIn(soon, file).rule === 'retry', 'a transient one is', soon);
      },
      3,
    );
  });
});

const expectedAt = { source: 's', target: 't', seq: 1, at: '2026-01-01T00:00:00.000000Z', runId: 'r', replaced: [] };
