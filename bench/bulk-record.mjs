// Many manifests from NDJSON on standard input into an empty ledger: time against DuckDB alone, and peak memory.
//   node bench/bulk-record.mjs [manifests]

import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { cli, duckdbModule, madeManifest, runFed, timeProcess, withFolder } from './support.mjs';

const manifests = Number(process.argv[2] ?? 1_000_000);

await withFolder(async (folder) => {
  const file = join(folder, 'manifests.ndjson');
  const out = createWriteStream(file);
  for (let i = 0; i < manifests; i++) {
    if (!out.write(`${JSON.stringify(madeManifest(i))}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  const copy = `const {DuckDBInstance}=await import(${JSON.stringify(duckdbModule)});const c=await(await DuckDBInstance.create()).connect();
    await c.run("COPY (SELECT * FROM read_ndjson('${file}')) TO '${join(folder, 'copy')}' (FORMAT parquet, PARTITION_BY (ingest_date))")`;
  const bare = timeProcess('node', ['--input-type=module', '-e', copy]);
  const text = createReadStream(file, { highWaterMark: 1 << 20 });
  const { ms, peakMb, output } = await runFed(
    'node',
    [cli, 'record', '-', '--lake', join(folder, 'lake'), '-o', 'json', '-q'],
    text,
  );
  const { inserted, events, batches } = JSON.parse(output);
  console.log(`DuckDB read_ndjson + COPY   ${(bare / 1000).toFixed(1)} s`);
  console.log(
    `lakeledger record           ${(ms / 1000).toFixed(1)} s   ${(ms / bare).toFixed(1)} x   peak ${peakMb} MB`,
  );
  console.log(`${inserted} rows inserted, ${events} events, ${batches} batches`);
});
