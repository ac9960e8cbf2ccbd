import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DatePolicy, Weekday } from '../../src/ingest/dates/calendar.js';
import { planBackfill } from '../../src/ingest/dates/plan-backfill.js';
import { requireNextDate } from '../../src/ingest/dates/plan-dates.js';
import {
  discoverLatestSuccessfulDate,
  discoverNextBusinessDate,
  readHistories,
} from '../../src/ingest/dates/read-dates.js';
import { RunManifests } from '../../src/ledger/runs/run-manifests.js';
import { LocalStore } from '../../src/storage/local-store.js';
import { runManifest } from '../support/run-manifests.js';

/** The days of the model: manifests lie in the first 20, dates that come after them in the others. */
const DAYS = Array.from({ length: 250 }, (_, i) => new Date(Date.UTC(2026, 1, 20 + i)).toISOString().slice(0, 10));
const USED = 20;
const WEEK: readonly Weekday[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

type Run = 'success' | 'failed' | 'skipped' | 'waived' | 'corrupt';
interface Source {
  readonly policy: DatePolicy;
  /** Runs of the first days, in order. */
  readonly runs: readonly (readonly Run[])[];
}

const day = fc.integer({ min: 0, max: USED + 3 }).map((i) => DAYS[i] ?? '');
const run = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Run>('success') },
  { weight: 5, arbitrary: fc.constantFrom<Run>('failed', 'skipped', 'waived', 'corrupt') },
);
const sourceNamed = (name: string): fc.Arbitrary<Source> =>
  fc.record({
    policy: fc.record({
      name: fc.constant(name),
      enabled: fc.boolean(),
      startDate: fc.option(day),
      group: fc.constantFrom('default', 'eod'),
      calendar: fc.record({
        weekdays: fc.subarray([...WEEK], { minLength: 1 }).map((days) => new Set(days)),
        holidays: fc.array(day, { maxLength: 6 }).map((days) => new Set(days)),
      }),
    }),
    runs: fc.array(fc.oneof(fc.constant([]), fc.array(run, { maxLength: 3 })), { maxLength: USED }),
  });
const sources = fc.tuple(sourceNamed('a'), sourceNamed('b'), sourceNamed('c'));

/** The model: everything is told day by day from the list of runs. */
class Model {
  readonly policy: DatePolicy;
  readonly #runs: Map<string, Run[]>;

  constructor({ policy, runs }: Source) {
    this.policy = policy;
    this.#runs = new Map(runs.map((some, i) => [DAYS[i] ?? '', [...some]]));
  }

  of(date: string): Run[] {
    return this.#runs.get(date) ?? [];
  }

  succeed(date: string): void {
    this.#runs.set(date, [...this.of(date), 'success']);
  }

  get succeeded(): string[] {
    return DAYS.filter((date) => this.of(date).includes('success'));
  }

  isDue(date: string): boolean {
    const { weekdays, holidays } = this.policy.calendar;
    const weekday = WEEK[new Date(date).getUTCDay()] ?? 'sun';
    return weekdays.has(weekday) && !holidays.has(date);
  }

  isDone(date: string): boolean {
    return this.of(date).some((one) => one === 'success' || one === 'waived');
  }

  /** Business days since its beginning that are not done. */
  get open(): string[] {
    const start = this.policy.startDate ?? this.succeeded[0];
    return DAYS.filter((date) => start !== undefined && date >= start && this.isDue(date) && !this.isDone(date));
  }

  get skipState(): (date: string) => string {
    return (date) => {
      const runs = this.of(date);
      return runs.includes('success') ? 'succeeded' : runs.includes('corrupt') ? 'unreadable' : 'not_succeeded';
    };
  }
}

/** Calls `work` with a lake that holds the manifests of the sources. */
async function withLake(all: readonly Source[], work: (manifests: RunManifests) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'lakeledger-test-'));
  try {
    for (const { policy, runs } of all) {
      for (const [i, some] of runs.entries()) {
        for (const one of some) {
          const manifest = runManifest({
            source: policy.name,
            ingest_date: DAYS[i] ?? '',
            status: one === 'success' || one === 'failed' ? one : 'skipped',
            waived: one === 'waived' ? { reason: 'closed', actor: 'ana' } : null,
          });
          const text = JSON.stringify(manifest);
          const place = `_manifests/source=${policy.name}/ingest_date=${DAYS[i]}/run_id=${manifest.run_id}.json`;
          mkdirSync(dirname(join(root, place)), { recursive: true });
          writeFileSync(join(root, place), one === 'corrupt' ? text.slice(0, text.length / 2) : text);
        }
      }
    }
    await work(new RunManifests(new LocalStore(root)));
  } finally {
    rmSync(root, { recursive: true });
  }
}

it('dates are what counting the days says', async () => {
  await fc.assert(
    fc.asyncProperty(sources, fc.boolean(), async (all, onlyMissing) => {
      const models = all.map((one) => new Model(one));
      const policies = all.map(({ policy }) => policy);
      await withLake(all, async (manifests) => {
        const dates = await discoverNextBusinessDate(manifests, policies);
        for (const model of models) {
          const { name } = model.policy;
          const last = model.succeeded.at(-1) ?? null;
          expect(await discoverLatestSuccessfulDate(manifests, name)).toBe(last);
          expect(dates.sources.find(({ source }) => source === name)).toMatchObject({
            last,
            gaps: model.open.filter((date) => last !== null && date < last),
            next: model.open[0] ?? null,
          });
          for (const date of DAYS.slice(0, USED)) {
            expect((await manifests.skipCheck(name, date)).state).toBe(model.skipState(date));
          }
        }
        for (const { group, next, heldBackBy, sources: members } of dates.groups) {
          const own = models.filter(({ policy }) => policy.enabled && policy.group === group);
          expect(members).toEqual(own.map(({ policy }) => policy.name));
          const firsts = own.map(({ open }) => open[0] ?? '').sort();
          expect(next ?? '').toBe(firsts[0]);
          const waitedFor = own.filter(({ open }) => open[0] !== undefined && open[0] === next);
          expect(heldBackBy).toEqual(waitedFor.map(({ policy }) => policy.name));
        }
        const range = { from: DAYS[3] ?? '', to: DAYS[15] ?? '' };
        const histories = await readHistories(manifests, policies, range);
        const planned = planBackfill({ policies, histories, ...range, onlyMissing });
        const wanted = DAYS.slice(3, 16).flatMap((date) => {
          const own = models.filter(
            (model) =>
              model.isDue(date) && date >= (model.policy.startDate ?? date) && !(onlyMissing && model.isDone(date)),
          );
          return own.length === 0 ? [] : [`${date} ${own.map(({ policy }) => policy.name).join(' ')}`];
        });
        expect(planned.map(({ date, sources: own }) => `${date} ${own.map(({ source }) => source).join(' ')}`)).toEqual(
          wanted,
        );
      });
    }),
    { numRuns: 150 },
  );
});

it('running the next date again and again fills every gap, in order, and none races ahead', async () => {
  await fc.assert(
    fc.asyncProperty(sources, fc.infiniteStream(fc.boolean()), async (all, luck) => {
      const started = all.map((one) => ({
        ...one,
        policy: { ...one.policy, enabled: true, group: 'default', startDate: one.policy.startDate ?? DAYS[0] ?? '' },
      }));
      const models = started.map((one) => new Model(one));
      await withLake(started, async (manifests) => {
        let before = '';
        for (let step = 0; step < 12; step++) {
          const dates = await discoverNextBusinessDate(
            manifests,
            started.map(({ policy }) => policy),
          );
          const { date, sources: due } = requireNextDate(dates);
          expect(date >= before).toBe(true);
          before = date;
          for (const model of models) {
            expect(model.open.filter((open) => open < date)).toEqual([]);
            expect(due.includes(model.policy.name)).toBe(model.open[0] === date);
          }
          for (const name of due) {
            const status = luck.next().value ? 'success' : 'failed';
            await manifests.write(runManifest({ source: name, ingest_date: date, status }));
            if (status === 'success') models.find(({ policy }) => policy.name === name)?.succeed(date);
          }
        }
      });
    }),
    { numRuns: 20 },
  );
});
