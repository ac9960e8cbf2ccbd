import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import { isDate } from '../../manifest/timestamp.js';
import { type BusinessCalendar, type DatePolicy, WEEKDAYS } from '../dates/calendar.js';

const text = z.string().trim().min(1, { error: 'must not be empty' });
const day = z.string().refine(isDate, { error: 'must be a date such as 2025-12-09' });
const DEFAULT_GROUP = 'default';

/** Whether `Intl` knows the zone; the names are those of the IANA database. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const calendarSchema = z
  .strictObject({
    weekdays: z
      .array(z.enum(WEEKDAYS))
      .min(1, { error: 'must not be empty' })
      .describe('Days of the week that have data (default all seven)'),
    holidays: z
      .union([z.array(day), text])
      .describe('Dates without data, or a file with one date a line, relative to the configuration file'),
  })
  .partial();

/** What the configuration file says about business dates outside of `sources:`. */
export const dateTopLevelShape = {
  time_zone: z
    .string()
    .refine(isTimeZone, { error: 'must be the name of a time zone such as Europe/Zurich' })
    .optional()
    .describe('Where "today" is taken from, an IANA name (default UTC)'),
  calendar: calendarSchema.optional().describe('Which days have data, for every source'),
  environment: text.optional().describe('Written into run manifests, for example production'),
};

/** What an entry of `sources:` says about business dates. */
export const dateSourceShape = {
  daily: z
    .boolean()
    .optional()
    .describe('Whether it takes part in business dates (default: when it has a date or a connection)'),
  start_date: day.optional().describe('Its first business date'),
  group: text.optional().describe('Sources of a group go from date to date together (default "default")'),
  calendar: calendarSchema.optional().describe('In place of the calendar of all sources'),
};

type WrittenCalendar = z.infer<typeof calendarSchema>;

/** What an entry of `sources:` says, as far as dates go. */
interface WrittenSource {
  readonly daily?: boolean | undefined;
  readonly start_date?: string | undefined;
  readonly group?: string | undefined;
  readonly calendar?: WrittenCalendar | undefined;
  readonly business_date?: string | undefined;
  readonly connection?: unknown;
  readonly enabled?: boolean | undefined;
}

/** The configuration as written, as far as dates go. */
export interface WrittenDates {
  readonly time_zone?: string | undefined;
  readonly calendar?: WrittenCalendar | undefined;
  readonly environment?: string | undefined;
  readonly sources?: Readonly<Record<string, WrittenSource>> | undefined;
}

/** What a configuration says about business dates, with everything filled in. */
export interface DateSettings {
  /** IANA name. */
  readonly timeZone: string;
  readonly environment: string | null;
  /** Of the sources that take part in business dates, switched off or not. */
  readonly policies: readonly DatePolicy[];
}

/** Whether a source takes part in business dates: it says so, it has something to do with dates, or it is read through a connection. */
export function isDaily({ daily, start_date, group, business_date, connection }: WrittenSource): boolean {
  return daily ?? [start_date, group, business_date, connection].some((value) => value !== undefined);
}

/** Fills the defaults in and reads files of holidays, which are relative to `folder`. Rejects with code `CONFIG` (exit code 2). */
export async function resolveDates(
  written: WrittenDates,
  { folder }: { readonly folder: string },
): Promise<DateSettings> {
  const policies: DatePolicy[] = [];
  for (const [name, source] of Object.entries(written.sources ?? {})) {
    if (!isDaily(source)) continue;
    policies.push({
      name,
      enabled: source.enabled ?? true,
      startDate: source.start_date ?? null,
      group: source.group ?? DEFAULT_GROUP,
      calendar: await readCalendar({ ...written.calendar, ...source.calendar }, folder),
    });
  }
  return { timeZone: written.time_zone ?? 'UTC', environment: written.environment ?? null, policies };
}

async function readCalendar({ weekdays, holidays }: WrittenCalendar, folder: string): Promise<BusinessCalendar> {
  const days = typeof holidays === 'string' ? await readHolidays(resolve(folder, holidays)) : (holidays ?? []);
  return { weekdays: new Set(weekdays ?? WEEKDAYS), holidays: new Set(days) };
}

/** The dates in a file, one a line; a `#` starts a comment. */
async function readHolidays(file: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw configError(`cannot read the holidays: ${messageOf(error)}`, file, error);
  }
  return text.split('\n').flatMap((line, i) => {
    const date = line.replace(/#.*/s, '').trim();
    if (date === '') return [];
    if (!isDate(date)) throw configError(`"${date}" is no date such as 2025-12-09`, `${file}:${i + 1}`);
    return [date];
  });
}

function configError(message: string, place: string, cause?: unknown): LakeError {
  return new LakeError('CONFIG', message, {
    place,
    hint: 'a file of holidays has one date a line',
    exitCode: EXIT.usage,
    cause,
  });
}
