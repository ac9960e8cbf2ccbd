// A merge of 10,000 rows, half new and half updates, into 1,000,000 rows in 365 partitions, with and without deletion vectors.
//   node bench/merge.mjs [rounds] [python]      `python` is one that has the package deltalake (delta-rs)
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { median, root, withFolder } from './support.mjs';

const rounds = Number(process.argv[2] ?? 5);
const python = process.argv[3];
const delta = JSON.stringify(pathToFileURL(join(root, 'dist', 'delta.js')).href);

const columns = (i, size, status) =>
  `md5(${i}::VARCHAR) AS manifest_id, 'owner/repo-' || ${i} % 4 AS source_repo, 'data/part-' || ${i} || '.csv' AS file_path, ${size} AS size_bytes, '${status}' AS status, DATE '2025-01-01' + (${i} % 365)::INTEGER AS ingest_date`;
const rows = `SELECT ${columns('range', '(range * 7919) % 1000000', 'INGESTED')} FROM range(1000000)`;
const source = `SELECT ${columns('i', '8::BIGINT', 'REPROCESSED')} FROM (SELECT CASE WHEN range % 2 = 0 THEN range * 31 ELSE 1000000 + range END AS i FROM range(10000))`;

/** What a process prints: milliseconds and processor time of its work. */
function printed(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim());
}

const node = (work) => printed('node', ['--input-type=module', '-e', work]);

function makeTable(folder, configuration, file) {
  node(`
    import { openTable, schemaFromDuckdb, sql } from ${delta};
    const { table, session, close } = openTable(${JSON.stringify(folder)});
    const types = { manifest_id: 'VARCHAR', source_repo: 'VARCHAR', file_path: 'VARCHAR', size_bytes: 'BIGINT', status: 'VARCHAR', ingest_date: 'DATE' };
    const schema = schemaFromDuckdb(Object.entries(types).map(([name, type]) => ({ name, type })));
    await table.create({ schema, partitionColumns: ['ingest_date'], configuration: ${JSON.stringify(configuration)} });
    await table.append(sql(${JSON.stringify(rows)}));
    await (await session()).run(${JSON.stringify(`COPY (${source}) TO '${file}'`)});
    console.log('null');
    await close();`);
}

const mergeHere = (folder, file) =>
  node(`
    import { openTable, sql } from ${delta};
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    const { table, close } = openTable(${JSON.stringify(folder)});
    await table.mergeInto({
      source: sql(${JSON.stringify(`SELECT * FROM read_parquet('${file}')`)}),
      on: 'target.manifest_id = source.manifest_id',
      whenMatched: [{ update: '*' }],
      whenNotMatched: [{ insert: '*' }],
    });
    const used = process.cpuUsage(cpu);
    console.log(JSON.stringify({ wall: performance.now() - wall, cpu: (used.user + used.system) / 1000, peak: process.resourceUsage().maxRSS / 1024 }));
    await close();`);

const mergeThere = (folder, file) =>
  printed(python, [
    '-c',
    `
import json, resource, time
import pyarrow.parquet as pq
from deltalake import DeltaTable
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
wall, cpu = time.perf_counter(), used()
merge = DeltaTable(${JSON.stringify(folder)}).merge(pq.read_table(${JSON.stringify(file)}), 'target.manifest_id = source.manifest_id', source_alias='source', target_alias='target')
merge.when_matched_update_all().when_not_matched_insert_all().execute()
print(json.dumps({'wall': (time.perf_counter() - wall) * 1000, 'cpu': (used() - cpu) * 1000, 'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))`,
  ]);

await withFolder((folder) => {
  const file = join(folder, 'source.parquet');
  const plain = join(folder, 'plain');
  const vectors = join(folder, 'vectors');
  makeTable(plain, {}, file);
  makeTable(vectors, { 'delta.enableDeletionVectors': 'true' }, file);
  const cases = [
    ['lakeledger, copy-on-write', plain, mergeHere],
    ['lakeledger, deletion vectors', vectors, mergeHere],
    ...(python === undefined ? [] : [['delta-rs, copy-on-write', plain, mergeThere]]),
  ];
  const results = new Map(cases.map(([name]) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, table, merge] of cases) {
      const copy = join(folder, 'copy');
      cpSync(table, copy, { recursive: true });
      results.get(name).push(merge(copy, file));
      rmSync(copy, { recursive: true });
    }
  }
  for (const [name, list] of results) {
    const of = (key) => median(list.map((result) => result[key])).toFixed(0);
    console.log(
      `${name.padEnd(30)}${of('wall').padStart(7)} ms${of('cpu').padStart(7)} ms processor${of('peak').padStart(6)} MB`,
    );
  }
});
