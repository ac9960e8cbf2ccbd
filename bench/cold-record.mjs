// A cold `record` of one manifest into a lake with 10,000 rows, and where its time goes.
//   node bench/cold-record.mjs [rounds] [rows]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, compare, duckdbModule, madeManifest, timeProcess, withFolder } from './support.mjs';

const rounds = Number(process.argv[2] ?? 7);
const rows = Number(process.argv[3] ?? 10_000);

await withFolder(async (folder) => {
  const lake = join(folder, 'lake');
  const filled = join(folder, 'filled.ndjson');
  writeFileSync(filled, Array.from({ length: rows }, (_, i) => `${JSON.stringify(madeManifest(i))}\n`).join(''));
  timeProcess('node', [cli, 'record', filled, '--lake', lake, '-q']);
  let next = rows;
  const one = () => {
    const file = join(folder, 'one.json');
    writeFileSync(file, JSON.stringify(madeManifest(next++)));
    return file;
  };
  const duckdb = `const {DuckDBInstance}=await import(${JSON.stringify(duckdbModule)});const c=await(await DuckDBInstance.create()).connect();await c.run('select 1')`;
  const times = compare(
    [
      { name: 'node', run: () => timeProcess('node', ['-e', '0']) },
      { name: 'node + DuckDB, select 1', run: () => timeProcess('node', ['--input-type=module', '-e', duckdb]) },
      { name: 'lakeledger --version', run: () => timeProcess('node', [cli, '--version']) },
      { name: 'lakeledger validate', run: () => timeProcess('node', [cli, 'validate', one(), '-q']) },
      {
        name: 'lakeledger record --dry-run',
        run: () => timeProcess('node', [cli, 'record', one(), '--lake', lake, '-q', '--dry-run']),
      },
      { name: 'lakeledger record', run: () => timeProcess('node', [cli, 'record', one(), '--lake', lake, '-q']) },
    ],
    rounds,
  );
  const floor = times.get('node + DuckDB, select 1');
  for (const [name, ms] of times) {
    console.log(`${name.padEnd(32)} ${ms.toFixed(0).padStart(6)} ms   ${(ms / floor).toFixed(2)} x node + DuckDB`);
  }
  const record = times.get('lakeledger record');
  console.log(
    `start of Node and DuckDB: ${((100 * floor) / record).toFixed(0)} % of a record of one manifest into ${rows} rows`,
  );
});
