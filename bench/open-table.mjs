// Opening a Delta table: 10,000 commits without a checkpoint; 300,000 files in four commits; the same from a checkpoint.
//   node bench/open-table.mjs [rounds] [python]      `python` is one that has the package deltalake (delta-rs)
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compare, root, withFolder } from './support.mjs';

const rounds = Number(process.argv[2] ?? 5);
const python = process.argv[3];
const delta = JSON.stringify(pathToFileURL(join(root, 'dist', 'delta.js')).href);

const name = (version) => `${String(version).padStart(20, '0')}.json`;
const fields = Array.from({ length: 100 }, (_, i) => ({ name: `c${i}`, type: 'long', nullable: true, metadata: {} }));
const first = [
  { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
  {
    metaData: {
      id: 'bench',
      format: { provider: 'parquet', options: {} },
      schemaString: JSON.stringify({
        type: 'struct',
        fields: [...fields, { name: 'day', type: 'string', nullable: true, metadata: {} }],
      }),
      partitionColumns: ['day'],
      configuration: {},
      createdTime: 1,
    },
  },
];

function added(i) {
  const day = `d${i % 100}`;
  const id = i.toString(16).padStart(8, '0');
  const bounds = { c0: i, c1: i * 7 };
  return {
    add: {
      path: `day=${day}/part-00000-${id}-4ac9-8d0c-77f1e09f4f7a.c000.snappy.parquet`,
      partitionValues: { day },
      size: 1_000_000 + i,
      modificationTime: 1_700_000_000_000 + i,
      dataChange: true,
      stats: JSON.stringify({ numRecords: 1000, minValues: bounds, maxValues: bounds, nullCount: { c0: 0, c1: 0 } }),
    },
  };
}

/** A log of `commits` commits after the first, `files` files in all; there are no data files. */
function makeLog(folder, commits, files) {
  const log = join(folder, '_delta_log');
  mkdirSync(log, { recursive: true });
  for (let version = 0; version <= commits; version++) {
    const count = version === 0 ? 0 : files / commits;
    const info = { commitInfo: { timestamp: 1_700_000_000_000 + version, operation: 'WRITE', isBlindAppend: true } };
    const adds = Array.from({ length: count }, (_, i) => added((version - 1) * count + i));
    const lines = [info, ...(version === 0 ? first : []), ...adds];
    writeFileSync(join(log, name(version)), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
  return folder;
}

/** What a process prints: its own measure of the work, in milliseconds. */
function printed(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return Number(stdout.trim());
}

const node = (work) => (folder) =>
  printed('node', [
    '--input-type=module',
    '-e',
    `import { openTable } from ${delta}; const { table, close } = openTable(${JSON.stringify(folder)}); const t = performance.now(); ${work}; console.log(performance.now() - t); await close();`,
  ]);
const openHere = node('(await table.snapshot()).files.length');
const checkpointHere = node(
  'await table.snapshot(); const s = performance.now(); await table.checkpoint(); console.log(performance.now() - s); process.exit()',
);
const openThere = (folder) =>
  printed(python, [
    '-c',
    `import time\nfrom deltalake import DeltaTable\nt=time.perf_counter()\nlen(DeltaTable(${JSON.stringify(folder)}).file_uris())\nprint((time.perf_counter()-t)*1000)`,
  ]);
const checkpointThere = (folder) =>
  printed(python, [
    '-c',
    `import time\nfrom deltalake import DeltaTable\nd=DeltaTable(${JSON.stringify(folder)})\nt=time.perf_counter()\nd.create_checkpoint()\nprint((time.perf_counter()-t)*1000)`,
  ]);

/** delta-rs does not write a checkpoint that is there. */
const afresh = (work) => (folder) => {
  for (const file of ['_last_checkpoint', name(4).replace('json', 'checkpoint.parquet')]) {
    rmSync(join(folder, '_delta_log', file), { force: true });
  }
  return work(folder);
};

await withFolder(async (folder) => {
  const many = makeLog(join(folder, 'many'), 10_000, 10_000);
  const large = makeLog(join(folder, 'large'), 4, 300_000);
  const checkpointed = makeLog(join(folder, 'checkpointed'), 4, 300_000);
  checkpointHere(checkpointed);
  const cases = [
    ['10,000 commits, no checkpoint', many, openHere, openThere],
    ['300,000 files in 4 commits', large, openHere, openThere],
    ['300,000 files in a checkpoint', checkpointed, openHere, openThere],
    ['a checkpoint of 300,000 files is written', large, afresh(checkpointHere), afresh(checkpointThere)],
  ];
  for (const [what, table, here, there] of cases) {
    const times = compare(
      [
        { name: 'lakeledger', run: () => here(table) },
        ...(python === undefined ? [] : [{ name: 'delta-rs', run: () => there(table) }]),
      ],
      rounds,
    );
    const [ours, theirs] = [times.get('lakeledger'), times.get('delta-rs')];
    const beside =
      theirs === undefined ? '' : `${theirs.toFixed(0).padStart(8)} ms delta-rs   ${(theirs / ours).toFixed(1)} x`;
    console.log(`${what.padEnd(42)}${ours.toFixed(0).padStart(8)} ms${beside}`);
  }
});
