import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Session } from '../../src/duckdb/session.js';
import { tempFolder } from '../support/temp-folder.js';
import { runMeasured } from './peak-memory.js';

const CSV_ROWS = Number(process.env['MEMORY_CSV_ROWS'] ?? 3_300_000);
const CSV_LIMIT_MB = 650;
const JSON_FILES = Number(process.env['MEMORY_JSON_FILES'] ?? 5000);
const JSON_LIMIT_MB = 500;

const ROWS = `
  SELECT i AS id, (i * 7919) % 1000003 AS amount, round((i * 31 % 1000000) / 137.0, 4) AS price, DATE '2015-01-01' + (i % 3650)::INTEGER AS day,
    printf('%05d', i % 100000) AS code, TIMESTAMP '2020-01-01' + to_seconds(i % 100000000) AS seen_at,
    'customer ' || (i % 5000) || ', street ' || (i % 97) AS note
  FROM range(${CSV_ROWS}) t(i)`;

async function makeCsv(file: string): Promise<void> {
  const session = await Session.open();
  try {
    await session.run(`COPY (${ROWS}) TO '${file}' (FORMAT csv, HEADER)`);
  } finally {
    session.close();
  }
}

function makeJson(folder: string): void {
  mkdirSync(folder);
  for (let i = 0; i < JSON_FILES; i++) {
    const measures = Array.from({ length: 6 }, (_, k) => ({ name: `measure-${k}`, value: (i * 31 + k * 17) / 8 }));
    const record = { id: i, station: `station-${i % 250}`, comment: 'x'.repeat(100 + (i % 300)), measures };
    writeFileSync(join(folder, `record-${i}.json`), JSON.stringify(record));
  }
}

const onLinux = existsSync('/proc/self/status');

it.skipIf(!onLinux)(`ingests a CSV file of ${CSV_ROWS} rows in less than ${CSV_LIMIT_MB} MB`, async () => {
  const folder = tempFolder();
  const file = join(folder, 'large.csv');
  await makeCsv(file);
  const args = ['ingest', '--file', file, '--into', 'bronze.large', '--lake', join(folder, 'lake'), '-o', 'json'];
  const { peak, seconds, ...result } = await runMeasured(args);
  const size = Math.round(statSync(file).size / 1e6);
  console.log(`${size} MB of CSV: peak ${peak.toFixed(0)} MB, ${seconds.toFixed(1)} s, exit ${result.code}`);
  expect(result, result.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(result.stdout)).toMatchObject({ processed: 1, failed: 0, rows: CSV_ROWS, rejected: 0 });
  expect(peak).toBeGreaterThan(30);
  expect(peak).toBeLessThan(CSV_LIMIT_MB);
});

it.skipIf(!onLinux)(`ingests ${JSON_FILES} JSON files in less than ${JSON_LIMIT_MB} MB`, async () => {
  const folder = tempFolder();
  makeJson(join(folder, 'json'));
  const pattern = join(folder, 'json', '*.json');
  const args = ['ingest', '--file', pattern, '--into', 'bronze.small', '--lake', join(folder, 'lake'), '-o', 'json'];
  const { peak, seconds, ...result } = await runMeasured(args);
  console.log(`${JSON_FILES} JSON files: peak ${peak.toFixed(0)} MB, ${seconds.toFixed(1)} s, exit ${result.code}`);
  expect(result, result.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(result.stdout)).toMatchObject({ processed: JSON_FILES, failed: 0, rows: JSON_FILES });
  expect(peak).toBeGreaterThan(30);
  expect(peak).toBeLessThan(JSON_LIMIT_MB);
});
