import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import type { StagedFile } from '../../../src/sources/formats/index.js';
import { EXPLAINED } from '../../support/real-file-endings.js';
import { openStage, type TestStage } from '../../support/stage.js';

const SHARED = fileURLToPath(new URL('../../../../shared/data/data/', import.meta.url));
const here = existsSync(SHARED);
if (!here) console.log('skipped: the real files are not beside this checkout (../shared/data)');

interface Described {
  readonly file: string;
  readonly row_count_estimate?: number | null;
}

const NOTES: Readonly<Record<string, readonly string[]>> = {
  'csv/non_utf8_crlf_ahca_polls.csv': ['neither UTF-8 nor windows-1252: read as latin1'],
  'csv/non_utf8_cr_avengers.csv': ['not UTF-8: read as windows-1252'],
  'csv/quoted_newlines_daily_show_guests.csv': ['not UTF-8: read as windows-1252'],
  'csv/latin1_semicolon_crlf_metriche.csv': ['not UTF-8: read as windows-1252'],
  'made/utf16le_bom.csv': ['read as utf-16le'],
};

async function outcome(stage: TestStage, path: string): Promise<StagedFile | LakeError> {
  try {
    return await stage.file(`${SHARED}files/${path}`, {}, path);
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
}

test.skipIf(!here)('every published file ends with its rows or with a reason, and none disturbs another', async () => {
  const stage = await openStage();
  const index: Described[] = JSON.parse(readFileSync(`${SHARED}files/index.json`, 'utf8'));
  const found = new Map<string, StagedFile>();
  for (const { file, row_count_estimate: estimate } of index) {
    const result = await outcome(stage, file);
    const wanted = EXPLAINED[file] ?? [estimate, 0];
    if (result instanceof LakeError) {
      expect({ file, code: result.code, exit: result.exitCode }).toEqual({ file, code: 'SOURCE_FORMAT', exit: 1 });
      expect(result.message).toContain(wanted);
      expect(result.message).not.toContain('\n');
    } else {
      expect([file, [result.rows, result.rejected]]).toEqual([file, wanted]);
      const isEmpty = result.rows === 0 && result.columns.length === 0;
      expect([file, result.notes]).toEqual([file, NOTES[file] ?? (isEmpty ? ['empty'] : [])]);
      found.set(file, result);
    }
  }
  expect([index.length, found.size]).toEqual([65, 54]);
  const rows = new Map<number, bigint>();
  for (const { relation } of await stage.stage.groups()) {
    const counts = `SELECT _file_no, count(*) AS n FROM (${relation}) GROUP BY ALL HAVING n = max(_row_no) AND n = count(DISTINCT _row_no)`;
    for (const row of await stage.session.rows(counts)) rows.set(Number(row['_file_no']), row['n'] as bigint);
  }
  for (const { no, rows: count } of found.values()) expect(Number(rows.get(no) ?? 0)).toBe(count);

  const values = (file: string) => stage.values(found.get(file)?.no ?? -1);
  const columns = (file: string) => found.get(file)?.columns.map(({ name }) => name);
  expect(await values('made/utf16le_bom.csv')).toEqual(await values('csv/semicolon_regioni-20200511.csv'));
  expect(await values('made/bom_array.json')).toEqual(await values('json/array_regioni-latest.json'));
  expect(await values('made/regioni_crlf_no_final_newline.ndjson')).toEqual(await values('made/regioni.ndjson'));
  expect((await values('csv/trailing_comma_header_regioni-20200305.csv'))[9]?.slice(2, 4)).toEqual(['03', 'Lombardia']);
  expect(columns('csv/trailing_comma_header_regioni-20200305.csv')?.slice(-2)).toEqual(['tamponi', '']);
  const guests = await values('csv/quoted_newlines_daily_show_guests.csv');
  expect(guests.filter((row) => row.some((text) => String(text).includes('\r')))).toHaveLength(29);
  const metrics = await values('csv/latin1_semicolon_crlf_metriche.csv');
  expect(metrics.flat().filter((text) => /[àèéìòù]/.test(String(text))).length).toBeGreaterThan(0);
  expect(metrics.flat().some((text) => String(text).includes('\ufffd'))).toBe(false);
  await stage.stage.drop();
  expect(await stage.leftovers()).toEqual({ tables: [], files: [] });
});

test.skipIf(!here)('a header on the second line is found when it is said', async () => {
  const stage = await openStage();
  const file = await stage.file(`${SHARED}files/csv/header_on_line_2_note.csv`, { skip: 1 });
  expect(file.columns.map(({ name }) => name)).toEqual(['data', 'note']);
  const text = readFileSync(`${SHARED}files/csv/header_on_line_2_note.csv`, 'utf8');
  expect([file.rows + file.rejected, text.split('\n').length - 3]).toEqual([121, 121]);
});

test.skipIf(!here)('the 98 daily files: 2,058 rows in 9 layouts, the codes with their zeros', async () => {
  const stage = await openStage();
  const names = readdirSync(`${SHARED}daily`).filter((name) => name.endsWith('.csv'));
  for (const name of names) {
    expect(await stage.file(`${SHARED}daily/${name}`)).toMatchObject({ rows: 21, rejected: 0, notes: [] });
  }
  const groups = await stage.stage.groups();
  expect([names.length, groups.length]).toEqual([98, 9]);
  let total = 0n;
  for (const { relation, columns } of groups) {
    const at = columns.findIndex(({ name }) => name === 'tamponi');
    const code = columns.findIndex(({ name }) => name === 'codice_regione');
    const [sums] = await stage.session.rows(
      `SELECT sum(c${at}::BIGINT)::BIGINT AS total, bool_and(length(c${code}) = 2) AS padded FROM (${relation})`,
    );
    expect(sums?.['padded']).toBe(true);
    total += sums?.['total'] as bigint;
  }
  expect(total).toBe(3_796_542_328n);
});

test.skipIf(!here)('the 86 revisions: every record is a row, but for the notes with a stray quote', async () => {
  const stage = await openStage();
  const manifests = readFileSync(`${SHARED}../manifests/revisions.ndjson`, 'utf8').trim().split('\n');
  const estimates = new Map(
    manifests.map((line) => JSON.parse(line)).map((m) => [m.file_sha.slice(0, 10), m.row_count_estimate]),
  );
  const odd: unknown[] = [];
  let files = 0;
  for (const folder of readdirSync(`${SHARED}revisions`, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const at = `${SHARED}revisions/${folder.name}`;
    for (const name of readdirSync(at).filter((file) => file.endsWith('.csv'))) {
      files++;
      const { rows, rejected } = await stage.file(`${at}/${name}`);
      const estimate = estimates.get(name.split('_')[2]?.slice(0, 10) ?? '');
      if (rejected > 0 || rows !== estimate) odd.push([folder.name, name.slice(0, 2), rows, rejected, estimate]);
    }
  }
  expect(files).toBe(86);
  // Two lines of these are one reject, and one record of the estimate.
  expect(odd.sort()).toEqual([
    ['dpc-covid19-ita-note', '01', 3, 1, 4],
    ['dpc-covid19-ita-note', '02', 3, 1, 4],
    ['dpc-covid19-ita-note', '03', 4, 1, 5],
  ]);
});
