import { describe, expect, it } from 'vitest';
import {
  addDays,
  type BusinessCalendar,
  businessDays,
  type DatePolicy,
  isBusinessDay,
  WEEKDAYS,
} from '../../../src/ingest/dates/calendar.js';
import { dateIn, parseDateWord } from '../../../src/ingest/dates/date-words.js';
import { planBackfill } from '../../../src/ingest/dates/plan-backfill.js';
import {
  type DateFacts,
  dateFacts,
  dateState,
  planGroups,
  planSourceDates,
  requireNextDate,
  type SourceHistory,
} from '../../../src/ingest/dates/plan-dates.js';
import { runManifest } from '../../support/run-manifests.js';

const everyDay: BusinessCalendar = { weekdays: new Set(WEEKDAYS), holidays: new Set() };
const workDays: BusinessCalendar = {
  weekdays: new Set(['mon', 'tue', 'wed', 'thu', 'fri']),
  holidays: new Set(['2026-03-04']),
};

function policy(fields: Partial<DatePolicy> = {}): DatePolicy {
  return { name: 'orders', enabled: true, startDate: null, group: 'default', calendar: everyDay, ...fields };
}

function history(states: Readonly<Record<string, DateFacts['state']>>): SourceHistory {
  return new Map(
    Object.entries(states).map(([date, state]) => [
      date,
      { state, succeededAt: state === 'succeeded' ? `${date}T22:00:00Z` : null, problems: [] },
    ]),
  );
}

describe('a business calendar', () => {
  it('knows weekdays and holidays', () => {
    // 2026-03-02 is a Monday.
    const days = [...businessDays(workDays, { from: '2026-02-28', to: '2026-03-09' })];
    expect(days).toEqual(['2026-03-02', '2026-03-03', '2026-03-05', '2026-03-06', '2026-03-09']);
    expect(isBusinessDay('2026-03-01', workDays)).toBe(false);
    expect(isBusinessDay('2026-03-01', everyDay)).toBe(true);
    expect([...businessDays(everyDay, { from: '2026-03-02', to: '2026-03-01' })]).toEqual([]);
  });

  it('counts over months, leap days and years, whatever the zone of the machine', () => {
    expect(addDays('2024-02-28', 1)).toBe('2024-02-29');
    expect(addDays('2023-02-28', 1)).toBe('2023-03-01');
    expect(addDays('2026-01-01', -1)).toBe('2025-12-31');
    expect(addDays('2026-03-28', 2)).toBe('2026-03-30');
    expect([...businessDays(everyDay, { from: '9999-12-30' })]).toEqual(['9999-12-30', '9999-12-31']);
  });
});

describe('the words for dates', () => {
  const at = { flag: '--date', timeZone: 'UTC', now: Date.parse('2026-03-01T23:30:00Z') };

  it.each([
    ['2026-02-28', 'UTC', '2026-02-28'],
    ['today', 'UTC', '2026-03-01'],
    ['Today', 'Europe/Zurich', '2026-03-02'],
    ['yesterday', 'America/New_York', '2026-02-28'],
    ['yesterday', 'Asia/Kolkata', '2026-03-01'],
    ['-1d', 'UTC', '2026-02-28'],
    ['-0d', 'Pacific/Kiritimati', '2026-03-02'],
    ['-365d', 'UTC', '2025-03-01'],
    ['next', 'UTC', 'next'],
  ])('%s in %s is %s', (text, timeZone, date) => expect(parseDateWord(text, { ...at, timeZone })).toBe(date));

  it.each(['2026-02-30', '26-03-01', '', '3d', '+3d', '-3', 'tomorrow', '2026-03-01T00:00:00Z'])(
    'refuse %s',
    (text) => {
      expect(() => parseDateWord(text, at)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }));
    },
  );

  it('know the day when clocks change', () => {
    expect(dateIn('Europe/Zurich', Date.parse('2026-03-28T22:59:59Z'))).toBe('2026-03-28');
    expect(dateIn('Europe/Zurich', Date.parse('2026-03-28T23:00:00Z'))).toBe('2026-03-29');
    expect(dateIn('Europe/Zurich', Date.parse('2026-03-29T21:59:59Z'))).toBe('2026-03-29');
    expect(dateIn('Europe/Zurich', Date.parse('2026-03-29T22:00:00Z'))).toBe('2026-03-30');
  });
});

describe('the state of a date', () => {
  const waived = { status: 'skipped', waived: { reason: 'closed', actor: 'ana' } } as const;
  const problems = [{ place: 'x', problem: 'y' }];

  it.each([
    ['succeeded', [{ status: 'failed' }, { status: 'success' }, { status: 'failed' }, waived], problems],
    ['waived', [{ status: 'failed' }, waived], problems],
    ['unreadable', [{ status: 'failed' }, { status: 'skipped' }], problems],
    ['failed', [{ status: 'skipped' }, { status: 'failed' }], []],
    ['missing', [{ status: 'skipped' }], []],
    ['missing', [], []],
  ] as const)('is %s for %j', (state, runs, broken) => {
    const manifests = runs.map((run) => runManifest(run));
    expect(dateFacts({ source: 'orders', date: '2026-03-02', manifests, problems: broken }).state).toBe(state);
  });

  it('is that nothing is due on days off and before the start, unless something was tried', () => {
    const own = policy({ calendar: workDays, startDate: '2026-03-03' });
    const known = history({ '2026-03-07': 'failed', '2026-03-01': 'succeeded' });
    const states = ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04', '2026-03-07', '2026-03-08'];
    expect(states.map((date) => dateState(own, known, date))).toEqual([
      ...['succeeded', 'not_due', 'missing', 'not_due', 'failed', 'not_due'],
    ]);
  });
});

describe('the dates of a source', () => {
  const plan = (states: Readonly<Record<string, DateFacts['state']>>, fields: Partial<DatePolicy> = {}) => {
    const { last, gaps, next, nextState, why } = planSourceDates(policy(fields), history(states));
    return { last, gaps, next, nextState, why };
  };

  it('go on after the last success', () => {
    expect(plan({ '2026-03-01': 'succeeded', '2026-03-02': 'succeeded' })).toEqual({
      last: '2026-03-02',
      gaps: [],
      next: '2026-03-03',
      nextState: 'missing',
      why: 'after_last',
    });
    expect(plan({ '2026-03-03': 'succeeded' }, { calendar: workDays }).next).toBe('2026-03-05');
    expect(plan({ '2026-03-01': 'succeeded', '2026-03-02': 'failed' })).toMatchObject({
      next: '2026-03-02',
      nextState: 'failed',
    });
  });

  it('have gaps since the start, or since the first success, and those come first', () => {
    const states = {
      '2026-02-26': 'failed',
      '2026-02-27': 'succeeded',
      '2026-03-02': 'failed',
      '2026-03-03': 'unreadable',
      '2026-03-06': 'succeeded',
    } as const;
    expect(plan(states, { calendar: workDays })).toEqual({
      last: '2026-03-06',
      gaps: ['2026-03-02', '2026-03-03', '2026-03-05'],
      next: '2026-03-02',
      nextState: 'failed',
      why: 'gap',
    });
    expect(plan(states, { calendar: workDays, startDate: '2026-02-25' }).gaps).toEqual([
      ...['2026-02-25', '2026-02-26', '2026-03-02', '2026-03-03', '2026-03-05'],
    ]);
    expect(plan(states, { calendar: workDays, startDate: '2026-03-03' }).gaps).toEqual(['2026-03-03', '2026-03-05']);
  });

  it('that are waived are done, also those that have not come yet', () => {
    expect(
      plan({ '2026-03-01': 'succeeded', '2026-03-02': 'waived', '2026-03-03': 'succeeded', '2026-03-04': 'waived' }),
    ).toMatchObject({ gaps: [], next: '2026-03-05', why: 'after_last' });
    expect(plan({ '2026-03-01': 'waived' }, { startDate: '2026-03-01' })).toMatchObject({
      last: null,
      next: '2026-03-02',
      why: 'start',
    });
  });

  it('start where the configuration says, and are not known otherwise', () => {
    expect(plan({}, { startDate: '2026-03-07', calendar: workDays })).toMatchObject({
      next: '2026-03-09',
      why: 'start',
    });
    expect(plan({ '2026-03-02': 'succeeded' }, { startDate: '2026-04-01' })).toMatchObject({
      gaps: [],
      next: '2026-04-01',
      why: 'start',
    });
    expect(plan({ '2026-03-02': 'failed', '2026-03-01': 'waived' })).toEqual({
      last: null,
      gaps: [],
      next: null,
      nextState: null,
      why: 'unknown',
    });
  });

  it('know when the latest success ended, whatever date it was for', () => {
    const known = new Map<string, DateFacts>([
      ['2026-03-01', { state: 'succeeded', succeededAt: '2026-03-09T08:00:00+02:00', problems: [] }],
      ['2026-03-02', { state: 'succeeded', succeededAt: '2026-03-09T05:00:00Z', problems: [] }],
    ]);
    expect(planSourceDates(policy(), known).lastAt).toBe('2026-03-09T08:00:00+02:00');
  });
});

describe('the next date of a group', () => {
  const source = (name: string, last: string | null, fields: Partial<DatePolicy> = {}) =>
    planSourceDates(policy({ name, ...fields }), history(last === null ? {} : { [last]: 'succeeded' }));

  it('is the smallest of its enabled sources, and is theirs to run', () => {
    const sources = [
      source('orders', '2026-03-03'),
      source('items', '2026-03-01'),
      source('stock', '2026-03-01'),
      source('old', '2025-01-01', { enabled: false }),
      source('weekly', '2026-02-02', { group: 'weekly' }),
    ];
    const groups = planGroups(sources);
    expect(groups).toEqual([
      {
        group: 'default',
        sources: ['orders', 'items', 'stock'],
        next: '2026-03-02',
        heldBackBy: ['items', 'stock'],
        unknown: [],
      },
      { group: 'weekly', sources: ['weekly'], next: '2026-02-03', heldBackBy: ['weekly'], unknown: [] },
    ]);
    expect(requireNextDate({ sources, groups }, 'default')).toEqual({
      date: '2026-03-02',
      sources: ['items', 'stock'],
    });
    const refused = (name?: string) => {
      try {
        return requireNextDate({ sources, groups }, name);
      } catch (error) {
        return error;
      }
    };
    expect(refused()).toMatchObject({ code: 'USAGE', hint: '--group with one of default, weekly' });
    expect(refused('weakly')).toMatchObject({ code: 'USAGE', hint: 'did you mean "weekly"?' });
    expect(() => requireNextDate({ sources: [], groups: [] })).toThrow('no source takes part in business dates');
  });

  it('is not known when a source has neither a success nor a start', () => {
    const sources = [source('orders', '2026-03-03'), source('new', null)];
    const groups = planGroups(sources);
    expect(groups).toMatchObject([{ next: null, heldBackBy: [], unknown: ['new'] }]);
    expect(() => requireNextDate({ sources, groups })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        exitCode: 2,
        place: 'sources.new',
        hint: expect.stringContaining('start_date'),
      }),
    );
  });
});

describe('the plan of a backfill', () => {
  const histories = new Map([
    ['orders', history({ '2026-03-02': 'succeeded', '2026-03-03': 'failed', '2026-03-05': 'waived' })],
  ]);
  const policies = [
    policy({ calendar: workDays }),
    policy({ name: 'items', startDate: '2026-03-05' }),
    policy({ name: 'late', startDate: '2027-01-01' }),
  ];
  const range = { policies, histories, from: '2026-02-28', to: '2026-03-06' };
  const lines = (onlyMissing: boolean) =>
    planBackfill({ ...range, onlyMissing }).map(
      ({ date, sources }) => `${date} ${sources.map(({ source, before }) => `${source}:${before}`).join(' ')}`,
    );

  it('has the business days of the range, oldest first', () => {
    expect(lines(false)).toEqual([
      '2026-03-02 orders:succeeded',
      '2026-03-03 orders:failed',
      '2026-03-05 orders:waived items:missing',
      '2026-03-06 orders:missing items:missing',
    ]);
  });

  it('leaves out what is done when only what is missing is asked for', () => {
    expect(lines(true)).toEqual([
      '2026-03-03 orders:failed',
      '2026-03-05 items:missing',
      '2026-03-06 orders:missing items:missing',
    ]);
  });
});
