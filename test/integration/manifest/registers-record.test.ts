import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RegisterFactory, type RegisterManager } from '../../../src/manifest/index.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { runCli } from '../../cli/run-cli.js';
import { openLake } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

const NAME = 'systems_download.manifest.json';
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

const open = (folder: string, name = NAME) =>
  new RegisterFactory().open('downloads', {
    store: new LocalStore(folder),
    name,
    etlVersion: '1.0.0',
    journalLimit: 8,
  });

async function add(manager: RegisterManager, contents: readonly string[]): Promise<void> {
  const source = { source_id: manager.domain, dataset: 'stars', state: { last_etag: '"last"' } };
  for (const [i, content] of contents.entries()) {
    await manager.addFromEvent(source, {
      sha256: sha(content),
      file_path: `data/raw/${content}.json`,
      file_size_bytes: 1 + i,
      etag: i % 2 === 0 ? `"${content}"` : null,
      ts_download_completed: new Date(Date.UTC(2026, 0, 1 + i)),
      more: { host: 'example.org' },
    });
  }
}

const contents = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

it('record takes every record of a folder of registers once, whatever else lies there', async () => {
  const folder = tempFolder();
  const systems = await open(folder);
  const other = join(tempFolder(), 'link');
  symlinkSync(folder, other);
  await add(systems, contents('a', 10));
  await add(await open(other), contents('b', 5));
  await add(await open(folder, 'bodies_download.manifest.json'), contents('c', 3));
  // A register that was corrupt and put right again, and writes that did not come to their end.
  const whole = readFileSync(join(folder, NAME));
  writeFileSync(join(folder, NAME), whole.subarray(0, 500));
  await expect(systems.refresh()).rejects.toMatchObject({ code: 'REGISTER_CORRUPT' });
  writeFileSync(join(folder, NAME), whole);
  const journal = `.${NAME}.journal`;
  for (const name of ['.5f0c.tmp', 'systems_download.manifest.tmp', `${journal}/.77.tmp`])
    writeFileSync(join(folder, name), whole.subarray(0, 500));
  expect(readdirSync(join(folder, journal)).length).toBeGreaterThan(1);
  expect(readdirSync(folder).some((name) => name.startsWith(`${NAME}.corrupt-`))).toBe(true);

  const root = join(tempFolder(), 'lake');
  const record = async () => {
    const run = await runCli(['record', folder, '--lake', root, '--strict', '-o', 'json']);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    return JSON.parse(run.stdout);
  };
  expect(await record()).toMatchObject({ received: 18, rejected: 0, events: 18, inserted: 18 });
  expect(await record()).toMatchObject({ received: 18, rejected: 0, events: 0, inserted: 0, updated: 0, batches: 0 });

  // What was written since is new, and nothing else: saving changes no record.
  await systems.save();
  await add(systems, contents('d', 2));
  expect(await record()).toMatchObject({ received: 20, events: 2, inserted: 2, updated: 0 });

  expect(existsSync(root)).toBe(true);
  const lake = await openLake({ root });
  const { rows } = await lake.select(
    `SELECT manifest_id, source_repo, file_path, size_bytes::INTEGER AS size, status,
       strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS time,
       meta::JSON ->> '$.etag' AS etag, meta::JSON ->> '$.version' AS version, meta::JSON ->> '$.process' AS process, meta::JSON ->> '$.host' AS host
     FROM metadata.ingestion_manifest ORDER BY manifest_id`,
  );
  const bodies = await open(folder, 'bodies_download.manifest.json');
  const records = [...systems.records(), ...bodies.records()].sort((a, b) => (a.checksum < b.checksum ? -1 : 1));
  expect(rows).toEqual(
    records.map((r) => ({
      manifest_id: r.checksum,
      source_repo: r.source_id,
      file_path: r.file_path,
      size: r.file_size,
      status: 'INGESTED',
      time: r.ts_downloaded,
      etag: r.etag,
      version: '1.0.0',
      process: 'download',
      host: 'example.org',
    })),
  );
  const events = await lake.select('SELECT count(DISTINCT event_id)::INTEGER AS events FROM metadata.ingestion_event');
  expect(events.rows).toEqual([{ events: 20 }]);
});
