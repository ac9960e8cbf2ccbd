import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SourceConfig } from '../../../src/ingest/config/source-config.js';
import { Desk, fileOf, hasRealFiles, REAL_FILES } from '../../support/ingest-desk.js';

/** More than every step of one path, where the whole is not too much to wait for. */
const ALL = process.env['INGEST_ALL_REVISIONS'] !== undefined;
const FOLDER = join(REAL_FILES, 'revisions');
const RETURNING = 'dpc-covid19-ita-regioni-20200310';

interface Revision {
  readonly path: string;
  readonly time: string;
  readonly sha10: string;
  readonly location: string;
}

/** All contents in order of time. */
function revisions(): readonly Revision[] {
  const paths = hasRealFiles ? readdirSync(FOLDER).filter((name) => !name.includes('.')) : [];
  return paths
    .flatMap((path) =>
      readdirSync(join(FOLDER, path)).map((name) => {
        const [, time = '', sha10 = ''] = /^\d+_(\w+)_(\w+)\.csv$/.exec(name) ?? [];
        return { path, time, sha10, location: join(FOLDER, path, name) };
      }),
    )
    .sort((a, b) => (a.time + a.location < b.time + b.location ? -1 : 1));
}
const REVISIONS = revisions();

/** The desk with what is delivered to it. */
class Deliveries {
  readonly desk: Desk;
  readonly newest = new Map<string, Revision>();

  constructor(desk: Desk) {
    this.desk = desk;
  }

  static async open(config: Partial<SourceConfig> = {}): Promise<Deliveries> {
    return new Deliveries(await Desk.open({ into: 'bronze.r', ...config }));
  }

  deliver(revision: Revision, path = revision.path): void {
    const to = this.desk.at(`${path}.csv`);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(revision.location, to);
    this.newest.set(path, revision);
  }

  /** The rows of a path in the target as text, as the file has them; columns that the file does not have are empty in the target. */
  async expectNewest(path: string, revision: Revision): Promise<void> {
    const { desk } = this;
    const session = await desk.lake.session();
    const read = `read_csv('${revision.location}', all_varchar = true, header = true, strict_mode = false, null_padding = true, sample_size = -1, encoding = '${encodingOf(revision.location)}')`;
    const described = await session.rows(`DESCRIBE SELECT * FROM ${read}`);
    const columns = described.map((row) => String(row['column_name']));
    const want = await session.rows(`SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM ${read}`);
    const got = await desk.rows(`SELECT * FROM bronze.r WHERE _source_path = $path`, { path: `in/${path}.csv` });
    const rejects = await this.rejects(revision.location);
    if (rejects.length > 0) return expectLines(revision, got.map(withRescued), rejects);
    const names = tableColumns(columns);
    expect(multiset(got.map(withRescued), names)).toEqual(multiset(want, columns));
    const others = Object.keys(got[0] ?? {}).filter((name) => !name.startsWith('_') && !names.includes(name));
    for (const row of got) for (const name of others) expect([name, row[name]]).toEqual([name, null]);
  }

  async rejects(location: string): Promise<readonly string[]> {
    if (!(await this.desk.lake.catalog.names()).includes('metadata.reject')) return [];
    const sha = createHash('sha256').update(readFileSync(location)).digest('hex');
    const rows = await this.desk.rows('SELECT text FROM metadata.reject WHERE file_sha = $sha', { sha });
    return rows.map((row) => String(row['text']));
  }

  async expectAllNewest(): Promise<void> {
    for (const [path, revision] of this.newest) await this.expectNewest(path, revision);
    const counts = await this.desk.counts();
    expect(Object.keys(counts).sort()).toEqual([...this.newest.keys()].map((path) => `${path}.csv`).sort());
  }
}

/** Where quotes are malformed, readers differ about what is a record: every line is in a row or in a reject, and only once. */
function expectLines(revision: Revision, got: readonly object[], rejects: readonly string[]): void {
  const lines = readFileSync(revision.location, 'utf8').split('\n').slice(1);
  const rows = got.map((row) => text(Object.values(row)[0]));
  for (const line of lines.filter((one) => one !== '')) {
    const time = text(line.replace(/,.*$/s, ''));
    const inRejects = rejects.filter((reject) => reject.includes(line)).length;
    expect([line, rows.filter((row) => row === time).length + inRejects]).toEqual([line, 1]);
  }
  expect(rejects.length).toBe(1);
}

/** The names that the columns of a file have in the target. */
function tableColumns(columns: readonly string[]): readonly string[] {
  return columns.map((name) => name.trim().replaceAll(' ', '_'));
}

function encodingOf(location: string): string {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(location));
    return 'utf-8';
  } catch {
    return 'latin-1';
  }
}

/** The row with the values that did not fit their column. */
function withRescued({ _rescued_data: rescued, ...row }: Readonly<Record<string, unknown>>) {
  return rescued === null ? row : { ...row, ...JSON.parse(String(rescued)) };
}

/** Values as text, whatever their type; numbers without the zeros that say nothing, times without their separator. */
function text(value: unknown): string {
  if (value === null || value === undefined || value === '') return '';
  const written = value instanceof Date ? value.toISOString() : String(value);
  const time = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.0+)?Z?)?$/.exec(written);
  if (time !== null) return `${time[1]} ${time[2] ?? '00:00:00'}`;
  return /^-?\d+(\.\d+)?$/.test(written) && !/^-?0\d/.test(written) ? String(Number(written)) : written;
}

function multiset(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): readonly string[] {
  return rows.map((row) => columns.map((name) => text(row[name])).join('|')).sort();
}

/** Contents in order of time, those of different paths together up to a few; with INGEST_ALL_REVISIONS each for itself. */
function steps(): readonly (readonly Revision[])[] {
  const found: Revision[][] = [];
  for (const revision of REVISIONS) {
    const last = found.at(-1);
    if (ALL || last === undefined || last.length >= 4 || last.some(({ path }) => path === revision.path)) {
      found.push([revision]);
    } else last.push(revision);
  }
  return found;
}

describe.skipIf(!hasRealFiles)('86 contents of 12 paths in order of time', { timeout: 300_000 }, () => {
  it('with replace: after each step the table is the newest content of every path', async () => {
    const all = await Deliveries.open({ key: ['data', 'denominazione_regione'] });
    expect(REVISIONS).toHaveLength(86);
    const seen = new Map<string, Set<string>>();
    const rules = new Set<string>();
    for (const [i, step] of steps().entries()) {
      for (const revision of step) all.deliver(revision);
      const result = await all.desk.ingest();
      expect(result).toMatchObject({ processed: step.length, failed: 0, skipped: all.newest.size - step.length });
      for (const revision of step) {
        const { path, sha10 } = revision;
        const known = seen.get(path) ?? new Set();
        const file = fileOf(result, `${path}.csv`);
        const rule = known.size === 0 ? 'new' : known.has(sha10) ? 'returned' : 'correction';
        expect([path, sha10, file.rule, file.error]).toEqual([path, sha10, rule, null]);
        expect([file.decision, file.diff === null]).toEqual(rule === 'new' ? ['load', true] : ['replace', false]);
        seen.set(path, known.add(sha10));
        rules.add(rule);
        await all.expectNewest(path, revision);
      }
      if (ALL || i % 10 === 0) await all.expectAllNewest();
    }
    expect([...rules].sort()).toEqual(['correction', 'new', 'returned']);
    await all.expectAllNewest();
    await all.desk.expectSettled();
  });

  it('with replace: A, B, A, B at one path, each with what changed', async () => {
    const one = await Deliveries.open({ key: ['denominazione_regione'] });
    const contents = REVISIONS.filter(({ path }) => path === RETURNING);
    const [a, b, again] = contents.slice(2);
    expect(a?.sha10).toBe(again?.sha10);
    const diffs: unknown[] = [];
    for (const revision of contents) {
      one.deliver(revision);
      const result = await one.desk.ingest();
      diffs.push(fileOf(result, '.csv').diff);
      await one.expectAllNewest();
    }
    const [was, now] = await Promise.all([a, b].map((revision) => regions(one.desk, revision)));
    const changed = [...(was ?? [])].filter(([region, row]) => now?.has(region) && now.get(region) !== row).length;
    const gone = [...(was?.keys() ?? [])].filter((region) => !now?.has(region)).length;
    expect([changed + gone, diffs[0]]).toEqual([expect.any(Number), null]);
    for (const diff of diffs.slice(3, 6)) expect(diff).toEqual({ added: gone, removed: gone, changed });
    expect(changed + gone).toBeGreaterThan(0);
    expect((await one.desk.events()).filter(({ status }) => status === 'REPROCESSED').map(({ rule }) => rule)).toEqual(
      contents.slice(4, 6).map(() => 'returned'),
    );
    await one.desk.expectSettled();
  });

  it('with append: every change of content is added once, also when it comes back', async () => {
    const one = await Deliveries.open({ on_correction: 'append' });
    const contents = REVISIONS.filter(({ path }) => path === RETURNING);
    const shas: string[] = [];
    for (const revision of contents) {
      one.deliver(revision);
      const result = await one.desk.ingest();
      expect(result).toMatchObject({ processed: 1, rows: 21 });
      shas.push(fileOf(result, '.csv').file_sha ?? '');
    }
    const rows = await one.desk.rows('SELECT _file_sha AS sha, count(*)::INTEGER AS n FROM bronze.r GROUP BY ALL');
    const times = new Map<string, number>();
    for (const sha of shas) times.set(sha, (times.get(sha) ?? 0) + 21);
    expect(new Map(rows.map(({ sha, n }) => [sha, n]))).toEqual(times);
    expect(times.size).toBeLessThan(contents.length);
    await one.desk.expectSettled();
  });

  it('with hold: a change waits, and reprocess lets it in', async () => {
    const one = await Deliveries.open({ on_correction: 'hold' });
    const [a, b] = REVISIONS.filter(({ path }) => path === RETURNING) as [Revision, Revision];
    one.deliver(a);
    await one.desk.ingest();
    const before = (await one.desk.versions())['bronze.r'];
    one.deliver(b);
    expect(fileOf(await one.desk.ingest(), '.csv')).toMatchObject({ decision: 'hold', status: 'QUARANTINED', rows: 0 });
    expect((await one.desk.versions())['bronze.r']).toBe(before);
    await one.expectNewest(RETURNING, a);
    await one.desk.expectSettled();
    expect(fileOf(await one.desk.ingest(), '.csv')).toMatchObject({ decision: 'skip', rule: 'quarantined' });
    const released = await one.desk.lake.reprocess({
      selector: `in/${RETURNING}.csv`,
      reason: 'it is right',
      mode: 'replace',
      sources: [one.desk.source],
    });
    expect(released).toMatchObject({ processed: 1, rows: 21 });
    await one.expectNewest(RETURNING, b);
    expect(await one.desk.counts()).toEqual({ [`${RETURNING}.csv`]: 21 });
    await one.desk.expectSettled();
  });

  it.each([false, true])(
    'the same bytes at a second path are loaded once, and stay there when the first path changes (gone from the folder: %s)',
    async (gone) => {
      const two = await Deliveries.open();
      const [a, b] = REVISIONS.filter(({ path }) => path === RETURNING) as [Revision, Revision];
      two.deliver(a, 'first');
      await two.desk.ingest();
      two.deliver(a, 'second');
      expect(fileOf(await two.desk.ingest(), 'second.csv')).toMatchObject({
        rule: 'same_bytes_new_path',
        status: 'SKIPPED',
      });
      const versions = await two.desk.versions();
      expect(fileOf(await two.desk.ingest(), 'second.csv')).toMatchObject({
        rule: 'same_bytes_same_path',
        status: null,
      });
      expect(await two.desk.versions()).toEqual(versions);
      expect(await two.desk.counts()).toEqual({ 'first.csv': 21 });
      two.deliver(b, 'first');
      if (gone) two.desk.remove('second.csv');
      expect(await two.desk.ingest()).toMatchObject({ processed: gone ? 1 : 2, rows: gone ? 21 : 42 });
      await two.expectNewest('first', b);
      await two.expectNewest('second', a);
      expect(await two.desk.counts()).toEqual({ 'first.csv': 21, 'second.csv': 21 });
      await two.desk.expectSettled();
    },
  );
});

/** The lines of a revision by region. */
async function regions(desk: Desk, revision: Revision | undefined): Promise<Map<string, string>> {
  const session = await desk.lake.session();
  const rows = await session.rows(`SELECT * FROM read_csv('${revision?.location}', all_varchar = true)`);
  return new Map(
    rows.map((row) => [String(row['denominazione_regione']), JSON.stringify(Object.values(row).map(text))]),
  );
}
