import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dateSourceShape, dateTopLevelShape, isDaily, resolveDates } from '../../../src/ingest/config/dates-schema.js';
import { WEEKDAYS } from '../../../src/ingest/dates/calendar.js';
import { tempFolder } from '../../support/temp-folder.js';

const top = z.strictObject(dateTopLevelShape);
const source = z.strictObject(dateSourceShape);
const here = { folder: '.' };

describe('what the configuration says about dates', () => {
  it('is checked', () => {
    expect(
      top.safeParse({
        time_zone: 'Europe/Zurich',
        environment: 'production',
        calendar: { weekdays: ['mon', 'fri'], holidays: ['2026-12-25'] },
      }).success,
    ).toBe(true);
    expect(top.safeParse({}).success).toBe(true);
    for (const zone of ['Mars/Olympus', '', '+01:00', 'UTC\n'])
      expect(top.safeParse({ time_zone: zone }).success).toBe(false);
    for (const calendar of [
      { weekdays: [] },
      { weekdays: ['monday'] },
      { weekdays: 'mon' },
      { holidays: ['2026-02-30'] },
      { holidays: '' },
      { days: ['mon'] },
    ]) {
      expect(source.safeParse({ calendar }).success).toBe(false);
    }
    expect(source.safeParse({ start_date: '2026-1-1' }).success).toBe(false);
    expect(source.safeParse({ start_date: '2026-01-01', group: 'eod', daily: true }).success).toBe(true);
  });

  it('says which sources take part', () => {
    expect(isDaily({})).toBe(false);
    expect(isDaily({ daily: true })).toBe(true);
    for (const some of [
      { start_date: '2026-01-01' },
      { group: 'eod' },
      { business_date: '{yyyyMMdd}.csv' },
      { connection: 'erp' },
    ]) {
      expect(isDaily(some)).toBe(true);
      expect(isDaily({ ...some, daily: false })).toBe(false);
    }
  });

  it('becomes policies; what a source says of the calendar comes in place of what all say', async () => {
    const { timeZone, environment, policies } = await resolveDates(
      {
        time_zone: 'Asia/Tokyo',
        environment: 'test',
        calendar: { weekdays: ['mon', 'tue'], holidays: ['2026-01-01'] },
        sources: {
          files: {},
          orders: { start_date: '2026-01-05' },
          items: { connection: 'erp', group: 'eod', enabled: false, calendar: { holidays: [] } },
          stock: { daily: true, calendar: { weekdays: ['sun'] } },
        },
      },
      here,
    );
    expect([timeZone, environment]).toEqual(['Asia/Tokyo', 'test']);
    const days = (...names: string[]) => new Set(names);
    expect(policies).toEqual([
      {
        name: 'orders',
        enabled: true,
        startDate: '2026-01-05',
        group: 'default',
        calendar: { weekdays: days('mon', 'tue'), holidays: days('2026-01-01') },
      },
      {
        name: 'items',
        enabled: false,
        startDate: null,
        group: 'eod',
        calendar: { weekdays: days('mon', 'tue'), holidays: days() },
      },
      {
        name: 'stock',
        enabled: true,
        startDate: null,
        group: 'default',
        calendar: { weekdays: days('sun'), holidays: days('2026-01-01') },
      },
    ]);
    expect(await resolveDates({}, here)).toEqual({ timeZone: 'UTC', environment: null, policies: [] });
    const [plain] = (await resolveDates({ sources: { s: { daily: true } } }, here)).policies;
    expect(plain?.calendar).toEqual({ weekdays: new Set(WEEKDAYS), holidays: new Set() });
  });

  it('may name a file of holidays, which is relative to the configuration', async () => {
    const folder = tempFolder();
    const written = { calendar: { holidays: 'holidays.txt' }, sources: { s: { daily: true } } };
    const read = async () => (await resolveDates(written, { folder })).policies[0]?.calendar.holidays;
    await expect(read()).rejects.toMatchObject({ code: 'CONFIG', exitCode: 2, place: join(folder, 'holidays.txt') });
    writeFileSync(join(folder, 'holidays.txt'), '\ufeff# Switzerland\r\n2026-01-01\r\n\r\n  2026-12-25 # Christmas\n');
    expect(await read()).toEqual(new Set(['2026-01-01', '2026-12-25']));
    writeFileSync(join(folder, 'holidays.txt'), '2026-01-01\n1.8.2026\n');
    await expect(read()).rejects.toMatchObject({ code: 'CONFIG', place: `${join(folder, 'holidays.txt')}:2` });
  });
});
