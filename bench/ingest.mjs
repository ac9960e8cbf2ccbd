// `ingest` of one large CSV file and of many small JSON files into an empty lake, beside what DuckDB alone needs to read the same files into one Parquet file.
//   node bench/ingest.mjs [CSV megabytes] [JSON files] [rounds]      0 leaves one of them out
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, duckdbModule, median, runFed, withFolder } from './support.mjs';

const megabytes = Number(process.argv[2] ?? 2000);
const files = Number(process.argv[3] ?? 20_000);
const rounds = Number(process.argv[4] ?? 3);
/** Bytes of a row of the CSV, about. */
const ROW_BYTES = 91;

const duckdbScript = (sql) =>
  `const {DuckDBInstance}=await import(${JSON.stringify(duckdbModule)});const c=await(await DuckDBInstance.create()).connect();const r=await c.runAndReadAll(${JSON.stringify(sql)});console.log(JSON.stringify(r.getRowObjectsJson()))`;

const duckdb = (sql) => runFed('node', ['--input-type=module', '-e', duckdbScript(sql)], []);

/** Whole numbers, decimals, a date, a code with leading zeros, a time, text with commas, values that are missing, booleans. */
async function makeCsv(file) {
  const rows = Math.round((megabytes * 1e6) / ROW_BYTES);
  await duckdb(`COPY (
    SELECT i AS id, (i * 7919) % 1000003 AS amount, round((i * 31 % 1000000) / 137.0, 4) AS price, DATE '2015-01-01' + (i % 3650)::INTEGER AS day,
      printf('%05d', i % 100000) AS code, TIMESTAMP '2020-01-01' + to_seconds(i % 100000000) AS seen_at,
      CASE WHEN i % 10 > 0 THEN 'customer ' || (i % 5000) || ', street ' || (i % 97) END AS note, i % 3 = 0 AS flag
    FROM range(${rows}) t(i)) TO '${file}' (FORMAT csv, HEADER)`);
}

/** One object each, of 0.5 to 1 KB. */
function makeJson(folder) {
  mkdirSync(folder);
  for (let i = 0; i < files; i++) {
    const record = {
      id: i,
      station: `station-${i % 250}`,
      day: new Date(Date.UTC(2025, 0, 1 + (i % 365))).toISOString().slice(0, 10),
      code: String(i % 10_000).padStart(5, '0'),
      value: ((i * 7919) % 100_003) / 16,
      ok: i % 3 !== 0,
      tags: ['a', 'b', `tag-${i % 40}`],
      comment: 'x'.repeat(100 + (i % 300)),
      measures: Array.from({ length: 6 }, (_, k) => ({ name: `measure-${k}`, value: ((i * 31 + k * 17) % 9973) / 8 })),
    };
    writeFileSync(join(folder, `record-${String(i).padStart(6, '0')}.json`), JSON.stringify(record));
  }
}

const SUM = {
  csv: 'count(*) AS rows, sum(id) AS ids, sum(amount) AS amounts, round(sum(price)) AS prices, min(day) AS first_day, max(seen_at) AS last_seen, count(note) AS notes, count(DISTINCT code::INTEGER) AS codes',
  json: 'count(*) AS rows, sum(id) AS ids, round(sum(value)) AS "values", count(DISTINCT station) AS stations, sum(length(comment)) AS comments',
};

/** Runs one kind of input `rounds` times on both sides, which must end with the same rows. */
async function measure(kind, { pattern, read, folder, what }) {
  const lake = join(folder, `lake-${kind}`);
  const parquet = join(folder, `${kind}.parquet`);
  const ours = ['ingest', '--file', pattern, '--into', 'bronze.bench', '--lake', lake, '-q', '-o', 'json'];
  const results = { copy: [], ingest: [], again: [] };
  for (let round = 0; round < rounds; round++) {
    rmSync(lake, { recursive: true, force: true });
    results.copy.push(await duckdb(`COPY (FROM ${read}) TO '${parquet}' (FORMAT parquet)`));
    results.ingest.push(await runFed('node', [cli, ...ours], []));
    results.again.push(await runFed('node', [cli, ...ours], []));
  }
  const question = `SELECT ${SUM[kind]} FROM`;
  const expected = JSON.parse(
    (await duckdb(`SELECT to_json(r)::VARCHAR AS r FROM (${question} '${parquet}') r`)).output,
  );
  const query = `SELECT to_json(r)::VARCHAR AS r FROM (${question} bronze.bench) r`;
  const found = JSON.parse((await runFed('node', [cli, 'query', query, '--lake', lake, '-o', 'json'], [])).output);
  if (expected[0].r !== found[0].r) throw new Error(`not the same rows: ${found[0].r} instead of ${expected[0].r}`);
  print(what, results);
}

function print({ amount, unit }, results) {
  const of = (list, key) => median(list.map((one) => one[key]));
  const base = of(results.copy, 'ms');
  const names = { copy: 'DuckDB COPY', ingest: 'lakeledger ingest', again: 'the same again' };
  for (const [key, list] of Object.entries(results)) {
    const ms = of(list, 'ms');
    const columns = [
      names[key].padEnd(18),
      `${(ms / 1000).toFixed(2)} s`.padStart(9),
      `${(ms / base).toFixed(2)} x`.padStart(8),
      `${(of(list, 'cpuMs') / 1000).toFixed(1)} s processor`.padStart(17),
      `${(amount / (ms / 1000)).toFixed(0)} ${unit}/s`.padStart(14),
      `${Math.max(...list.map(({ peakMb }) => peakMb))} MB`.padStart(8),
    ];
    console.log(columns.join('  '));
  }
}

await withFolder(async (folder) => {
  if (megabytes > 0) {
    const file = join(folder, 'large.csv');
    await makeCsv(file);
    const size = statSync(file).size / 1e6;
    console.log(`one CSV file of ${size.toFixed(0)} MB`);
    await measure('csv', { pattern: file, read: `read_csv('${file}')`, folder, what: { amount: size, unit: 'MB' } });
    rmSync(file);
  }
  if (files > 0) {
    const json = join(folder, 'json');
    makeJson(json);
    console.log(`${files} JSON files`);
    const pattern = join(json, '*.json');
    await measure('json', { pattern, read: `read_json('${pattern}')`, folder, what: { amount: files, unit: 'files' } });
  }
});
