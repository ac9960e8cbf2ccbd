import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lake } from '../../src/lake.js';
import { RunManifests } from '../../src/ledger/runs/run-manifests.js';
import { randomNumbers } from '../crash/made-manifests.js';
import { BrokenProxy } from '../support/broken-proxy.js';
import {
  deliver,
  type Kills,
  killSome,
  ownScratch,
  partnerConnection,
  runToEnd,
  writeConfig,
} from '../support/service-cli.js';
import { expectSound, withLake } from '../support/service-lake.js';
import { describeSftp, SftpServer } from '../support/sftp-server.js';
import { tempFolder } from '../support/temp-folder.js';

const WANTED = Number(process.env['SERVICE_KILLS'] ?? 25);
const SEED = Number(process.env['SERVICE_SEED'] ?? 1);
const HEADER = 'n,text\n';
/** Between two writes to a file that grows; half a second and more without one is no growing any more. */
const GROW_EVERY_MS = 40;
const GROW_FOR_MS = 4000;

function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

function lines(from: number, count: number, word: string): string {
  return Array.from({ length: count }, (_, i) => `${from + i},${word} ${'x'.repeat(60)}\n`).join('');
}

function dateIn(path: string): string {
  const [, year, month, day] = /-(\d{4})(\d\d)(\d\d)-/.exec(path) ?? [];
  return `${year}-${month}-${day}`;
}

describeSftp('files of a server and a command that is killed at any moment', () => {
  let server: SftpServer;
  let root: string;
  /** What is at each path, and every content that was whole at some time. */
  const contents = new Map<string, string>();
  const whole = new Set<string>();
  /** An hour ago and a second more with each file: nobody waits for them to be still. */
  let time = Math.floor(Date.now() / 1000) - 3600;
  beforeAll(async () => {
    server = await SftpServer.start();
    root = join(server.root, 'outgoing');
  });
  afterAll(() => server?.stop());

  function put(path: string, content: string): void {
    // The old file goes first: what is written in its place is never half of the new one.
    const temporary = deliver(root, `${path}.tmp`, content);
    time += 1;
    utimesSync(temporary, time, time);
    rmSync(join(root, path), { force: true });
    deliver(root, path, content);
    utimesSync(join(root, path), time, time);
    rmSync(temporary);
    contents.set(path, content);
    whole.add(sha256(content));
  }

  /** Writes to a file again and again; resolves when it is whole. */
  async function grow(path: string): Promise<void> {
    let content = HEADER;
    const file = deliver(root, path, content);
    const end = Date.now() + GROW_FOR_MS;
    for (let n = 0; Date.now() < end; n += 200) {
      const more = lines(n, 200, path);
      appendFileSync(file, more);
      content += more;
      await new Promise((resolve) => setTimeout(resolve, GROW_EVERY_MS));
    }
    contents.set(path, content);
    whole.add(sha256(content));
  }

  /** Each file's rows are there once, of its last content. */
  async function expectRows(lake: Lake): Promise<void> {
    const { rows } = await lake.select(
      `SELECT _source_path AS path, _file_sha AS sha, count(*)::INTEGER AS n, count(DISTINCT n)::INTEGER AS different
       FROM bronze.prices GROUP BY ALL ORDER BY 1`,
    );
    const expected = [...contents].map(([path, content]) => {
      const n = content.split('\n').length - 2;
      return { path, sha: sha256(content), n, different: n };
    });
    expect(rows).toEqual(expected.sort((a, b) => (a.path < b.path ? -1 : 1)));
  }

  /** Nothing but whole contents was ever taken, and the copies of those that were loaded are whole. */
  async function expectWhole(lake: Lake, folder: string): Promise<void> {
    const events = await lake.fileEvents({ source: 'prices' });
    const loaded = events.filter(({ status }) => status === 'INGESTED' || status === 'REPROCESSED');
    expect(loaded.filter(({ sha }) => !whole.has(sha)).map(({ path }) => path)).toEqual([]);
    const raw = join(folder, 'lake', 'raw', 'prices');
    const files = readdirSync(raw, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const copies = files.filter(({ name }) => name !== 'manifest.json' && !name.startsWith('.'));
    const broken = copies.filter((entry) => {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      return !entry.parentPath.endsWith(`file_sha=${sha256(bytes)}`);
    });
    expect(broken.map(({ name }) => name)).toEqual([]);
    const kept = new Set(copies.map(({ parentPath }) => parentPath.slice(-64)));
    expect(loaded.filter(({ sha }) => !kept.has(sha)).map(({ path }) => path)).toEqual([]);
  }

  /** Every date of a file has succeeded, and no manifest is half written. */
  async function expectDates(lake: Lake): Promise<void> {
    const manifests = new RunManifests(lake.catalog.store);
    const dates = await manifests.readAll('prices');
    expect(dates.flatMap(({ problems }) => problems)).toEqual([]);
    for (const date of new Set([...contents.keys()].map(dateIn))) {
      expect([date, (await manifests.skipCheck('prices', date)).state]).toEqual([date, 'succeeded']);
    }
  }

  it(`are there whole and once after ${WANTED} kills, while files arrive, change and grow`, async () => {
    ownScratch();
    const random = randomNumbers(SEED);
    const state: Kills = { wanted: WANTED, random, kills: 0, ended: 0, duration: 3000 };
    const folder = tempFolder();
    // A slow network, so that many are killed while they download.
    const proxy = await BrokenProxy.start(server.port);
    proxy.delay(10);
    const sources = {
      prices: {
        connection: 'partner',
        path: '*.csv',
        into: 'bronze.prices',
        business_date: 'prices-{yyyyMMdd}-*',
        keep_raw: true,
        skip_if_success: false,
        arrival: { stable_for: '2s' },
      },
    };
    writeConfig(folder, {
      connections: { partner: partnerConnection(folder, server, { root, port: proxy.port }) },
      sources,
    });
    let rounds = 0;
    for (; state.kills < WANTED; rounds++) {
      const day = `202603${String(1 + (rounds % 28)).padStart(2, '0')}`;
      const grows = rounds % 3 === 1;
      put(`prices-${day}-a.csv`, `${HEADER}${lines(0, 6000 + rounds, `a ${rounds}`)}`);
      put(`prices-${day}-b.csv`, `${HEADER}${lines(0, 3000 + rounds, `b ${rounds}`)}`);
      const growing = grows ? grow(`prices-${day}-grown.csv`) : undefined;
      await killSome(folder, ['ingest'], state);
      // A correction of a file that the killed runs may have taken, and one of an old file.
      put(`prices-${day}-b.csv`, `${HEADER}${lines(0, 3000, `corrected ${rounds}`)}`);
      put(`prices-20260301-a.csv`, `${HEADER}${lines(0, 100 + rounds, `again ${rounds}`)}`);
      await killSome(folder, ['ingest'], state);
      if (growing !== undefined) {
        const during = await runToEnd(folder, ['ingest'], state);
        expect([0, 1], during.stderr).toContain(during.code);
      }
      await growing;
      const scratch = readdirSync(process.env['TMPDIR'] ?? '').length;
      const last = await runToEnd(folder, ['ingest', '-o', 'json'], state);
      expect(last.code, last.stderr).toBe(0);
      expect(readdirSync(process.env['TMPDIR'] ?? '')).toHaveLength(scratch);
      await withLake(join(folder, 'lake'), async (lake) => {
        await expectRows(lake);
        await expectWhole(lake, folder);
        await expectDates(lake);
      }).catch((error: unknown) => {
        throw new Error(`round ${rounds}, seed ${SEED}, after ${state.kills} kills`, { cause: error });
      });
    }
    await proxy.close();
    await withLake(join(folder, 'lake'), expectSound);
    console.log(`${state.kills} kills in ${rounds} rounds, ${state.ended} runs that were done before theirs`);
  });
});
