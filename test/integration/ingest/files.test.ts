import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileResult } from '../../../src/lake.js';
import { Desk, fileOf, hasRealFiles, REAL_FILES } from '../../support/ingest-desk.js';
import { EXPLAINED } from '../../support/real-file-endings.js';

/** Also every file in a run of its own. */
const ALL = process.env['INGEST_ALL_FILES'] !== undefined;

interface Described {
  readonly file: string;
  readonly row_count_estimate?: number | null;
}
const INDEX: readonly Described[] = hasRealFiles
  ? JSON.parse(readFileSync(join(REAL_FILES, 'files/index.json'), 'utf8'))
  : [];

function deliver(desk: Desk, file: string): void {
  mkdirSync(dirname(desk.at(file)), { recursive: true });
  copyFileSync(join(REAL_FILES, 'files', file), desk.at(file));
}

/** The bytes that are at several paths are loaded once, with the first path. */
function expectEnding({ file, row_count_estimate: estimate }: Described, result: FileResult): void {
  if (result.rule === 'same_bytes_new_path') {
    expect([file, result.status]).toEqual([file, 'SKIPPED']);
    return;
  }
  const wanted = EXPLAINED[file] ?? [estimate, 0];
  if (typeof wanted === 'string') {
    expect({ file, status: result.status, rows: result.rows }).toEqual({ file, status: 'FAILED', rows: 0 });
    expect(result.error, file).toContain(wanted);
    expect(result.error, file).not.toContain('\n');
  } else {
    expect([file, result.status, result.rows, result.rejected, result.error]).toEqual([
      file,
      'INGESTED',
      ...wanted,
      null,
    ]);
  }
}

async function loadAll(desk: Desk): Promise<readonly FileResult[]> {
  const result = await desk.ingest();
  for (const described of INDEX) expectEnding(described, fileOf(result, `in/${described.file}`));
  return result.files;
}

describe.skipIf(!hasRealFiles)('65 files, real and made, good and bad', () => {
  it('in one table: each ends with its rows or a reason, and none disturbs another', async () => {
    const desk = await Desk.open();
    for (const { file } of INDEX) deliver(desk, file);
    expect(INDEX).toHaveLength(65);
    const files = await loadAll(desk);
    const counts = await desk.counts();
    for (const { path, rows } of files) expect([path, counts[path.slice(3)] ?? 0]).toEqual([path, rows]);
    const rejects = await desk.rows('SELECT file_path AS path, line, text FROM metadata.reject ORDER BY 1');
    expect(rejects.map(({ path }) => path)).toEqual([
      'in/csv/malformed_quote_note.csv',
      'in/made/bad_line_12.ndjson',
      'in/made/truncated_in_quote.csv',
    ]);
    expect(rejects[1]?.['line']).toBe(12n);
    const bad = readFileSync(desk.at('made/bad_line_12.ndjson'), 'utf8').split('\n')[11];
    expect(rejects[1]?.['text']).toBe(bad?.trim());
    await desk.expectSettled();
  });

  it('each in a table of its own, forwards and backwards: the same rows', async () => {
    const desk = await Desk.open();
    for (const { file } of INDEX) deliver(desk, file);
    const order = ALL ? INDEX : INDEX.filter((_, i) => i % 4 === 0);
    const load = async (described: Described, i: number, pass: string) => {
      const one = await desk.with({ path: `in/${described.file}`, into: `${pass}.t${i}` }, `${pass}${i}`);
      const result = await one.ingest();
      expectEnding(described, fileOf(result, described.file));
      const there = (await one.lake.catalog.names()).includes(`${pass}.t${i}`);
      if (!there) return undefined;
      return one.rows(`SELECT * EXCLUDE (_run_id, _ingest_date) FROM ${pass}.t${i} ORDER BY _row_no`);
    };
    const forwards = new Map<string, unknown>();
    for (const [i, described] of order.entries()) forwards.set(described.file, await load(described, i, 'one'));
    if (!ALL) return;
    for (const [i, described] of [...order].reverse().entries()) {
      expect(await load(described, i, 'two'), described.file).toEqual(forwards.get(described.file));
    }
  });

  it('twins have the same rows; codes, accents and what is nested are as published', async () => {
    const desk = await Desk.open();
    const rowsOf = async (file: string, name: string) => {
      deliver(desk, file);
      const one = await desk.with({ path: `in/${file}`, into: `bronze.${name}` }, name);
      await one.ingest();
      return one.rows(
        `SELECT * EXCLUDE (_run_id, _ingest_date, _file_sha, _source_path) FROM bronze.${name} ORDER BY _row_no`,
      );
    };
    const semicolons = await rowsOf('csv/semicolon_regioni-20200511.csv', 'utf8');
    expect(await rowsOf('made/utf16le_bom.csv', 'utf16')).toEqual(semicolons);
    expect(semicolons.map((row) => row['codice_regione'])).toContain('01');
    const array = await rowsOf('json/array_regioni-latest.json', 'array');
    expect(await rowsOf('made/bom_array.json', 'bom')).toEqual(array);
    expect(await rowsOf('made/regioni.ndjson', 'nd')).toEqual(
      await rowsOf('made/regioni_crlf_no_final_newline.ndjson', 'crlf'),
    );
    const metrics = await rowsOf('csv/latin1_semicolon_crlf_metriche.csv', 'metrics');
    expect(JSON.stringify(metrics.map((row) => Object.values(row).map(String)))).toMatch(/[àèéìòù]/);
    expect(JSON.stringify(metrics.map((row) => Object.values(row).map(String)))).not.toContain('\ufffd');
    const [league] = await rowsOf('json/nested_matches_teamstrings_2020.json', 'matches');
    const published = JSON.parse(readFileSync(desk.at('json/nested_matches_teamstrings_2020.json'), 'utf8'));
    expect(JSON.parse(String(league?.['matches']))).toEqual(published.matches);
    const [match] = await desk.rows(`SELECT matches::JSON->0->>'team1' AS home FROM bronze.matches`);
    expect(match).toEqual({ home: published.matches[0].team1 });
  });
});
