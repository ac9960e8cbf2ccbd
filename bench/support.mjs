import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const cli = join(root, 'dist', 'cli.js');
export const duckdbModule = pathToFileURL(createRequire(import.meta.url).resolve('@duckdb/node-api')).href;

/** A folder for one benchmark, removed afterwards. */
export async function withFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'lakeledger-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The `i`-th made manifest: 365 days, four sources, content hashes that never repeat. */
export function madeManifest(i, status = 'INGESTED') {
  const sha = i.toString(16).padStart(8, '0').repeat(5);
  const day = new Date(Date.UTC(2025, 0, 1 + (i % 365))).toISOString().slice(0, 10);
  const second = String(i % 60).padStart(2, '0');
  return {
    file_sha: sha,
    source: `owner/repo-${i % 4}`,
    path: `data/part-${i}.csv`,
    pull_ts_utc: `${day}T12:34:${second}Z`,
    size_bytes: (i * 7919) % 1_000_000,
    row_count_estimate: i % 5000,
    target_backend: 'ADLS',
    dest_path: `bronze/github/owner/repo-${i % 4}/ingest_date=${day}/file_sha=${sha}/part-${i}.csv`,
    ingest_date: day,
    status,
    notes: null,
    reprocess: false,
  };
}

/** Milliseconds of one process; throws when it fails. */
export function timeProcess(command, args, options = {}) {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - started) / 1e6;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Medians of several processes whose runs are interleaved, so that a noisy moment hits them all. */
export function compare(cases, rounds) {
  const times = new Map(cases.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, run } of cases) {
      const ms = run(round);
      if (round >= 0) times.get(name).push(ms);
    }
  }
  return new Map([...times].map(([name, list]) => [name, median(list)]));
}

/** Runs a process fed by `lines` on standard input; answers its time, and of Linux its processor time and its peak memory in MB, and its output. */
export async function runFed(command, args, lines) {
  const started = process.hrtime.bigint();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  let peak = 0;
  let cpuMs = 0;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const { readFileSync } = await import('node:fs');
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      // The 14th and 15th field, in hundredths of a second; the name in brackets is the 2nd.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      cpuMs = Math.max(cpuMs, 10 * (Number(fields[11]) + Number(fields[12])));
    } catch {
      // The process is over, or this is not Linux.
    }
  }, 50);
  const ended = new Promise((resolve) => child.on('close', resolve));
  for await (const text of lines) {
    if (!child.stdin.write(text)) await new Promise((resolve) => child.stdin.once('drain', resolve));
  }
  child.stdin.end();
  const status = await ended;
  clearInterval(timer);
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
  return { ms: Number(process.hrtime.bigint() - started) / 1e6, cpuMs, peakMb: Math.round(peak), output };
}
