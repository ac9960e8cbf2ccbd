import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { tempFolder } from '../support/temp-folder.js';
import { madeSha } from './made-manifests.js';
import { runMeasured } from './peak-memory.js';

const COUNT = Number(process.env['MEMORY_MANIFESTS'] ?? 200_000);
const LIMIT_MB = 400;

function manifestText(i: number): string {
  // Every tenth manifest is about a file that was there before.
  const key = i % 10 === 9 ? i - 5 : i;
  const failed = i % 7 === 3;
  return `${JSON.stringify({
    file_sha: madeSha('', key),
    source: `owner/repository-${i % 50}`,
    path: `data/2026/part-${key}.csv`,
    pull_ts_utc: new Date(Date.UTC(2026, 0, 1 + (i % 30)) + i * 7).toISOString(),
    size_bytes: 1000 + i,
    row_count_estimate: i % 5000,
    target_backend: 'ADLS',
    dest_path: `raw/${key % 256}/part-${key}.parquet`,
    status: failed ? 'FAILED' : 'INGESTED',
    notes: failed ? 'timeout while reading' : null,
    reprocess: i % 97 === 0,
    git_commit: madeSha('commit', key).slice(0, 40),
  })}\n`;
}

async function writeManifests(out: Writable): Promise<void> {
  let text = '';
  for (let i = 0; i < COUNT; i++) {
    text += manifestText(i);
    if (text.length < 65_536 && i < COUNT - 1) continue;
    if (!out.write(text)) await Promise.race([once(out, 'drain'), once(out, 'close')]);
    if (out.destroyed) return;
    text = '';
  }
  out.end();
}

it.skipIf(!existsSync('/proc/self/status'))(
  `records ${COUNT.toLocaleString('en')} manifests in less than ${LIMIT_MB} MB`,
  async () => {
    const lake = join(tempFolder(), 'lake');
    const { peak, seconds, ...result } = await runMeasured(['record', '-', '--lake', lake, '-o', 'json'], {
      openStdin: true,
      onStart: (child) => void writeManifests(child.stdin as Writable),
    });
    console.log(`${COUNT} manifests: peak ${peak.toFixed(0)} MB, ${seconds.toFixed(1)} s, exit ${result.code}`);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(result.stdout)).toMatchObject({ received: COUNT, events: COUNT, rejected: 0 });
    expect(peak).toBeGreaterThan(30);
    expect(peak).toBeLessThan(LIMIT_MB);
  },
);
