import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  acceptedFingerprints,
  acceptSchema,
  historyColumns,
  knownNames,
  planSchema,
  readSchemaHistory,
  recordLayouts,
  type SchemaPlan,
} from '../../../src/ingest/schema/index.js';
import type { Lake } from '../../../src/lake.js';
import { FileStage } from '../../../src/sources/formats/index.js';
import { openLake } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';
import { EVOLVE, textGroup, types } from './schema-support.js';

const DAILY = fileURLToPath(new URL('../../../../shared/data/data/daily/', import.meta.url));
if (!existsSync(DAILY)) console.log('skipped: real files are not beside this checkout (../shared/data)');

let time = Date.UTC(2026, 0, 1);
const clock = { now: () => time++, random: () => 0 };

async function deps(lake: Lake) {
  return { session: await lake.session(), catalog: lake.catalog, clock };
}

/** Keeps the layouts of a plan; file number n is `dates[n]`. */
async function keep(lake: Lake, plan: SchemaPlan, dates: readonly string[], runId = 'run') {
  const layouts = plan.layouts.map(({ fingerprint, columns, pending, files }) => ({
    fingerprint,
    columns,
    pending,
    files: files.map((no) => ({
      no,
      path: `daily-${dates[no]}.csv`,
      sha: createHash('sha256').update(String(dates[no])).digest('hex'),
      businessDate: dates[no] ?? null,
    })),
  }));
  return recordLayouts(await deps(lake), { dataset: 'bronze.daily', runId, layouts });
}

function withoutTimes(rows: readonly object[]) {
  return rows.map((row) => ({ ...row, lastSeenAt: '' }));
}

describe.skipIf(!existsSync(DAILY))('the daily files of a real feed', () => {
  it('came with nine layouts, each from a day to a day, with what changed between them', async () => {
    const lake = await openLake();
    const session = await lake.session();
    const stage = new FileStage({ session, scratch: tempFolder() });
    const files = readdirSync(DAILY).filter((name) => name.endsWith('.csv'));
    const dates = files.map((name) => name.replace(/^.*-(\d{4})(\d\d)(\d\d)\.csv$/, '$1-$2-$3'));
    expect(files).toHaveLength(98);
    for (const [no, path] of files.entries()) {
      const location = join(DAILY, path);
      await stage.add({ no, location, path, size: statSync(location).size });
    }
    const groups = await stage.groups();
    const plan = await planSchema(session, { groups, current: [], contract: EVOLVE });
    expect(plan.notes).toContain('codice_regione: kept as text: "01" has a leading zero');
    expect(types(plan)).toMatchObject({
      data: 'TIMESTAMP',
      stato: 'VARCHAR',
      codice_regione: 'VARCHAR',
      lat: 'DOUBLE',
      long: 'DOUBLE',
      tamponi: 'BIGINT',
      latitudine: 'DOUBLE',
      casi_testati: 'BIGINT',
      casi_da_screening: 'BIGINT',
      column16: 'BIGINT',
      note_casi: 'VARCHAR',
      codice_nuts_1: 'VARCHAR',
    });
    let rows = 0;
    let tamponi = 0n;
    let rescued = 0;
    for (const group of groups) {
      const [sum] = await session.rows(
        `SELECT count(*) AS n, sum(tamponi)::BIGINT AS t, count(_rescued_data) AS r FROM (${plan.select(group)})`,
      );
      rows += Number(sum!['n']);
      tamponi += BigInt(String(sum!['t']));
      rescued += Number(sum!['r']);
    }
    expect({ rows, tamponi, rescued }).toEqual({ rows: 2058, tamponi: 3796542328n, rescued: 0 });

    await keep(lake, plan, dates);
    const history = await readSchemaHistory(await deps(lake), 'bronze.daily');
    expect(
      history.map((v) => [v.version, v.columns.length, v.firstBusinessDate, v.lastBusinessDate, v.status]),
    ).toEqual([
      [1, 21, '2020-02-23', '2020-12-08', 'accepted'],
      [2, 16, '2020-02-24', '2020-03-24', 'accepted'],
      [3, 17, '2020-03-05', '2020-03-05', 'accepted'],
      [4, 18, '2020-03-25', '2020-03-30', 'accepted'],
      [5, 19, '2020-03-31', '2020-03-31', 'accepted'],
      [6, 19, '2020-04-01', '2020-04-20', 'accepted'],
      [7, 20, '2020-04-21', '2020-06-28', 'accepted'],
      [8, 24, '2020-12-09', '2021-01-17', 'accepted'],
      [9, 30, '2021-01-18', '2025-01-08', 'accepted'],
    ]);
    expect(history[6]).toMatchObject({ firstFile: 'daily-2020-04-21.csv', lastFile: 'daily-2020-06-28.csv' });
    const drift = (version: number, from: number) =>
      history[version - 1]!.drifts.find((candidate) => candidate.from === from);
    expect(drift(3, 2)).toMatchObject({ added: [''], removed: [], renamed: [], business_date: '2020-03-05' });
    expect(drift(4, 2)).toMatchObject({ added: ['note_it', 'note_en'], removed: [], renamed: [], reordered: false });
    expect(drift(5, 4)).toMatchObject({
      added: ['nuovi_positivi'],
      removed: [],
      retyped: [],
      renamed: [
        { from: 'lat', to: 'latitudine' },
        { from: 'long', to: 'longitudine' },
        { from: 'totale_attualmente_positivi', to: 'totale_positivi' },
        { from: 'nuovi_attualmente_positivi', to: 'variazione_totale_positivi' },
      ],
    });
    expect(drift(6, 5)).toMatchObject({ added: [], renamed: [{ from: 'latitudine' }, { from: 'longitudine' }] });
    expect(drift(7, 6)).toMatchObject({ added: ['casi_testati'], removed: [] });
    // Generation 7 of the publisher came first, with a file that was published late; the day it came to stay is kept too.
    expect(drift(1, 7)).toMatchObject({
      business_date: '2020-06-29',
      added: ['casi_da_sospetto_diagnostico', 'casi_da_screening'],
      removed: ['note_en'],
      renamed: [{ from: 'note_it', to: 'note' }],
    });
    expect(drift(8, 1)).toMatchObject({ added: ['ingressi_terapia_intensiva', 'note_test', 'note_casi'] });
    expect(drift(9, 8)!.added).toHaveLength(6);

    await keep(lake, plan, dates);
    expect(withoutTimes(await readSchemaHistory(await deps(lake), 'bronze.daily'))).toEqual(withoutTimes(history));
    await stage.drop();
  });
});

describe('the schema history', () => {
  async function group(lake: Lake, columns: readonly string[], no: number, row?: readonly (string | null)[]) {
    return textGroup(await lake.session(), columns, { [no]: [row ?? columns.map(() => '1')] });
  }

  it('is the same whether files come in one batch or one by one, but for types that are known later', async () => {
    const layouts = [['a'], ['a', 'b'], ['a'], ['a', 'c'], ['a', 'b']];
    const dates = layouts.map((_, i) => `2024-01-0${i + 1}`);
    const one = await openLake();
    const groups = [];
    for (const [no, columns] of layouts.entries()) groups.push(await group(one, columns, no));
    await keep(one, await planSchema(await one.session(), { groups, current: [], contract: EVOLVE }), dates);
    const many = await openLake();
    let current: readonly { name: string; type: string }[] = [];
    for (const [no, columns] of layouts.entries()) {
      const own = await group(many, columns, no);
      const plan = await planSchema(await many.session(), { groups: [own], current, contract: EVOLVE });
      current = [...current, ...plan.added];
      await keep(many, plan, dates);
    }
    const facts = async (lake: Lake) =>
      (await readSchemaHistory(await deps(lake))).map(
        ({ firstSeenAt: _f, lastSeenAt: _l, acceptedAt: _a, ...others }) => others,
      );
    expect(await facts(many)).toEqual(await facts(one));
    expect((await facts(one)).map(({ version, firstFile, lastFile }) => [version, firstFile, lastFile])).toEqual([
      [1, 'daily-2024-01-01.csv', 'daily-2024-01-03.csv'],
      [2, 'daily-2024-01-02.csv', 'daily-2024-01-05.csv'],
      [3, 'daily-2024-01-04.csv', 'daily-2024-01-04.csv'],
    ]);
  });

  it('knows the type of a column as soon as there is a value', async () => {
    const lake = await openLake();
    const session = await lake.session();
    const empty = await group(lake, ['a', 'b'], 0, ['1', null]);
    await keep(lake, await planSchema(session, { groups: [empty], current: [], contract: EVOLVE }), ['2024-01-01']);
    const before = await readSchemaHistory(await deps(lake));
    expect(before[0]!.columns.map(({ type }) => type)).toEqual(['BIGINT', 'NULL']);
    expect(historyColumns(before)).toEqual([{ name: 'a', type: 'BIGINT' }]);
    expect(knownNames(before)).toEqual(['a', 'b']);
    const filled = await group(lake, ['a', 'b'], 0, ['1', '1.5']);
    const current = [{ name: 'a', type: 'BIGINT' }];
    await keep(lake, await planSchema(session, { groups: [filled], current, contract: EVOLVE }), ['2024-01-01']);
    expect(historyColumns(await readSchemaHistory(await deps(lake)))).toEqual([
      { name: 'a', type: 'BIGINT' },
      { name: 'b', type: 'DOUBLE' },
    ]);
  });

  it('keeps what a frozen dataset stopped until it is accepted', async () => {
    const lake = await openLake();
    const session = await lake.session();
    const contract = { columns: 'freeze', types: 'rescue' } as const;
    const old = await group(lake, ['a'], 0);
    const fresh = await group(lake, ['a', 'b'], 1);
    const dates = ['2024-01-01', '2024-01-02'];
    const plan = await planSchema(session, { groups: [old, fresh], current: [], contract });
    expect([...plan.stopped.keys()]).toEqual([1]);
    expect([...(await keep(lake, plan, dates)).values()]).toEqual([1, 2]);
    const history = await readSchemaHistory(await deps(lake));
    expect(history.map(({ status }) => status)).toEqual(['accepted', 'pending']);
    expect(historyColumns(history)).toEqual([{ name: 'a', type: 'BIGINT' }]);

    const request = { dataset: 'bronze.daily', reason: 'agreed', actor: 'ann' };
    await expect(acceptSchema(await deps(lake), { ...request, version: 1 })).rejects.toMatchObject({ exitCode: 2 });
    await expect(acceptSchema(await deps(lake), { ...request, version: 7 })).rejects.toMatchObject({ exitCode: 2 });
    await expect(acceptSchema(await deps(lake), { ...request, dataset: 'x.y' })).rejects.toMatchObject({ exitCode: 2 });
    expect(await acceptSchema(await deps(lake), request)).toMatchObject({ version: 2, status: 'accepted' });
    await expect(acceptSchema(await deps(lake), request)).rejects.toMatchObject({ exitCode: 2 });
    const after = await readSchemaHistory(await deps(lake));
    expect(after[1]).toMatchObject({ status: 'accepted', acceptedBy: 'ann', reason: 'agreed' });

    const again = await planSchema(session, {
      groups: [fresh],
      current: plan.added,
      contract,
      accepted: acceptedFingerprints(after),
    });
    expect([...again.stopped.keys()]).toEqual([]);
    expect(again.added).toEqual([{ name: 'b', type: 'BIGINT' }]);
    await keep(lake, again, dates);
    expect(historyColumns(await readSchemaHistory(await deps(lake)))).toEqual([
      { name: 'a', type: 'BIGINT' },
      { name: 'b', type: 'BIGINT' },
    ]);
  });
});
