import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import { type Drift, readSchemaHistory } from '../../../src/ingest/schema/index.js';
import { Desk, hasRealFiles, REAL_FACTS, REAL_FILES } from '../../support/ingest-desk.js';

const CONFIG = { path: '*.csv', into: 'bronze.daily', business_date: 'dpc-covid19-ita-regioni-{yyyyMMdd}.csv' };

interface Facts {
  readonly files: number;
  readonly rows: number;
  readonly sum_totale_casi: number;
  readonly sum_deceduti: number;
  readonly sum_tamponi: number;
}
interface DailyFacts extends Facts {
  readonly generations: Readonly<Record<string, Facts & { first_file: string; last_file: string; n_columns: number }>>;
}

const SUMS = `count(DISTINCT _source_path)::INTEGER AS files, count(*)::INTEGER AS rows,
  sum(totale_casi)::BIGINT AS sum_totale_casi, sum(deceduti)::BIGINT AS sum_deceduti, sum(tamponi)::BIGINT AS sum_tamponi`;

function figures({ files, rows, sum_totale_casi, sum_deceduti, sum_tamponi }: Facts) {
  const sums = [sum_totale_casi, sum_deceduti, sum_tamponi].map(BigInt);
  return { files, rows, sum_totale_casi: sums[0], sum_deceduti: sums[1], sum_tamponi: sums[2] };
}

describe.skipIf(!hasRealFiles)('98 daily files of a real feed', () => {
  it('are loaded once, with their sums, their codes and the history of their schema', async () => {
    const desk = await Desk.open(CONFIG, { files: `${REAL_FILES}daily` });
    const facts: DailyFacts = JSON.parse(readFileSync(REAL_FACTS, 'utf8')).daily;
    const first = await desk.ingest();
    expect(first).toMatchObject({ status: 'success', processed: 98, skipped: 0, failed: 0, rows: 2058, rejected: 0 });
    expect(new Set(first.files.map(({ rows, rescued }) => `${rows} ${rescued}`))).toEqual(new Set(['21 0']));
    expect(await desk.rows(`SELECT ${SUMS} FROM bronze.daily`)).toEqual([figures(facts)]);

    // The files of each schema version are those of a generation, with the sums of exactly these files.
    const generations = Object.values(facts.generations);
    const history = await readSchemaHistory({ ...(await deps(desk)) }, 'bronze.daily');
    expect(history.map(({ status }) => status)).toEqual(Array(9).fill('accepted'));
    for (const { first_file, last_file, n_columns, ...sums } of generations) {
      const version = history.find((one) => one.firstFile === first_file && one.lastFile === last_file);
      expect(version?.columns).toHaveLength(n_columns);
      const rows = await desk.rows(
        `SELECT ${SUMS} FROM bronze.daily WHERE _source_path IN (
           SELECT file_path FROM metadata.ingestion_event WHERE to_status = 'INGESTED' AND (meta::JSON->'ingest'->>'schema_version')::BIGINT = $version)`,
        { version: version?.version ?? -1 },
      );
      expect(rows).toEqual([figures(sums)]);
    }
    expect(
      history.flatMap(({ version, drifts }) =>
        drifts.map((drift) => [drift.from, version, drift.business_date, words(drift)]),
      ),
    ).toEqual(expect.arrayContaining(DRIFTS));
    const codes = await desk.rows(
      'SELECT DISTINCT typeof(codice_regione) AS type, length(codice_regione)::INTEGER AS n FROM bronze.daily',
    );
    expect(codes).toEqual([{ type: 'VARCHAR', n: 2 }]);
    expect(first.warnings.join('\n')).toContain('codice_regione: kept as text: "01" has a leading zero');
    const piedmont = `SELECT count(*)::INTEGER AS n FROM bronze.daily WHERE codice_regione = '01' AND denominazione_regione = 'Piemonte'`;
    expect(await desk.rows(piedmont)).toEqual([{ n: 98 }]);

    const before = await desk.versions();
    const planned = await desk.plan();
    expect(planned.warnings).toEqual([]);
    for (const file of planned.files) {
      expect(file).toMatchObject({ decision: 'skip', rule: 'same_bytes_same_path' });
      expect(file.reason).toMatch(/^the same bytes as at its last delivery, loaded 2\d{3}-/);
      expect(file.evidence).toMatchObject({
        path: file.path,
        sha: file.file_sha,
        run_id: first.run_id,
        status: 'INGESTED',
      });
    }
    const second = await desk.ingest();
    expect(second).toMatchObject({ status: 'skipped', processed: 0, skipped: 98, failed: 0, rows: 0 });
    expect(await desk.versions()).toEqual(before);
    expect(Object.keys(before)).toContain('metadata.schema_history');
    await desk.expectSettled();
  });
});

/** From version, to version, day, what changed: versions are numbered in order of the paths, and the file of 02-23 was published late. */
const DRIFTS = [
  [2, 3, '2020-03-05', '+'],
  [2, 4, '2020-03-25', '+note_it +note_en'],
  [
    4,
    5,
    '2020-03-31',
    '+nuovi_positivi lat>latitudine long>longitudine totale_attualmente_positivi>totale_positivi nuovi_attualmente_positivi>variazione_totale_positivi',
  ],
  [5, 6, '2020-04-01', 'latitudine>lat longitudine>long'],
  [6, 7, '2020-04-21', '+casi_testati'],
  [7, 1, '2020-06-29', '+casi_da_sospetto_diagnostico +casi_da_screening -note_en note_it>note'],
  [1, 8, '2020-12-09', '+ingressi_terapia_intensiva +note_test +note_casi'],
];

function words({ added, removed, renamed }: Drift): string {
  const names = renamed.map(({ from, to }) => `${from}>${to}`);
  return [...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`), ...names].join(' ');
}

async function deps(desk: Desk) {
  return { session: await desk.lake.session(), catalog: desk.lake.catalog, clock: systemClock };
}
