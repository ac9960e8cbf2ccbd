import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, readText, repositoryRoot } from '../support/repository.js';
import { tempFolder } from '../support/temp-folder.js';

const delivery = readText('fixtures/demo/second-delivery.ndjson')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('fixtures/demo', () => {
  it('names the files of feed/ by the ids that git gives them', () => {
    for (const path of filesBelow('fixtures/demo/feed')) {
      const text = readText(path);
      const size = Buffer.byteLength(text);
      const sha = createHash('sha1').update(`blob ${size}\0${text}`).digest('hex');
      const named = delivery.filter((manifest) => manifest['path'] === path);
      expect(named.length, path).toBeGreaterThan(0);
      for (const manifest of named) expect(manifest).toMatchObject({ file_sha: sha, size_bytes: size });
    }
  });

  it('has a failure, a retry, a skip, a reprocess and two manifests that are wrong', () => {
    const statuses = new Set(delivery.map((manifest) => manifest['status']));
    for (const status of ['FAILED', 'RETRYING', 'SKIPPED', 'REPROCESSED', 'INGESTED', 'PENDING'])
      expect(statuses).toContain(status);
    expect(delivery.some((manifest) => manifest['reprocess'] === true)).toBe(true);
  });
});

/** The checkout as a source tarball: without `.git`, with what `npm ci` made. */
function tarball(): string {
  const root = tempFolder();
  for (const path of ['package.json', 'dist', 'sql', 'fixtures', 'docs']) {
    cpSync(join(repositoryRoot, path), join(root, path), { recursive: true });
  }
  mkdirSync(join(root, 'lake'));
  writeFileSync(join(root, 'lake', 'README.md'), '# lake/\n');
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'));
  return root;
}

function runDemo(root: string, temp: string, env: Record<string, string> = {}) {
  const result = spawnSync(process.execPath, [join(root, 'dist', 'demo.js')], {
    cwd: temp,
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: temp, TEMP: temp, ...env },
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe('npm run demo', () => {
  it('fills ./lake, and another folder when ./lake has data, whatever is configured', () => {
    const root = tarball();
    const temp = tempFolder();
    const first = runDemo(root, temp);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const commits = () => readdirSync(join(root, 'lake', 'metadata', 'ingestion_manifest', '_delta_log')).sort();
    const before = commits();
    expect(before).toHaveLength(4);

    writeFileSync(join(root, 'lakeledger.yaml'), 'strict: true\noutput: json\n');
    const second = runDemo(root, temp, { LAKELEDGER_LAKE: 'nowhere', LAKELEDGER_BATCH_SIZE: '1' });
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(commits()).toEqual(before);
    const lakes = readdirSync(temp).filter((name) => existsSync(join(temp, name, 'lake', 'metadata')));
    expect(lakes).toHaveLength(1);
    expect(second.stdout).toContain(`--lake ${join(temp, lakes[0] ?? '', 'lake')}`);
  }, 120_000);

  it('is plain text in a pipe, shows every command, and tells the story', () => {
    const { stdout } = runDemo(tarball(), tempFolder());
    expect(stdout).not.toContain('\u001b');
    for (const command of ['init', 'scan', 'record', 'query', 'check run', 'table list']) {
      expect(stdout).toMatch(new RegExp(`^\\$ .*lakeledger ${command}`, 'm'));
    }
    expect(stdout).toMatch(/^rejected +2$/m);
    for (const status of ['FAILED', 'PENDING', 'REPROCESSED', 'RETRYING'])
      expect(stdout).toMatch(new RegExp(`^${status} +1 `, 'm'));
    expect(stdout).toMatch(/^INGESTED +\d{3} /m);
    // The second time, the same delivery: eight keys, nothing new.
    expect(stdout).toMatch(/^unchanged +8\nevents +0\nbatches +0$/m);
    expect(stdout).toMatch(/^Done in \d+\.\d s\./m);
  }, 120_000);
});
