import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RegisterFactory, scanRegisters } from '../../../src/manifest/index.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { tempFolder } from '../../support/temp-folder.js';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

/** A register with these contents, closed. */
async function makeRegister(folder: string, name: string, contents: readonly string[]): Promise<void> {
  const manager = await new RegisterFactory().open('downloads', {
    store: new LocalStore(folder),
    name,
    etlVersion: '1',
  });
  for (const content of contents) {
    await manager.addFromEvent(
      { source_id: 's', dataset: 'd' },
      { sha256: sha(content), file_path: content, file_size_bytes: 1, ts_download_completed: new Date(0) },
    );
  }
  await manager.close();
}

/** Every file with its bytes and time of change. */
function everything(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => `${file} ${sha(readFileSync(file, 'latin1'))}`)
    .sort();
}

const scan = (folder: string) => scanRegisters(new LocalStore(folder));

describe('scanRegisters', () => {
  it('of a folder that is not there finds nothing', async () => {
    const root = join(tempFolder(), 'none');
    expect(await scan(root)).toEqual({ root, files: [], foreign: [] });
    expect(existsSync(root)).toBe(false);
  });

  it('tells every state, what is foreign, and writes nothing', async () => {
    const folder = tempFolder();
    const healthy = 'star_systems_download.manifest.json';
    const corrupt = 'bodies_ingestion.manifest.json';
    const missing = 'gone_download.manifest.json';
    const cut = 'cut_download.manifest.json';
    await makeRegister(folder, healthy, ['a', 'b']);
    await makeRegister(folder, missing, ['a', 'b', 'c']);
    rmSync(join(folder, missing));
    await makeRegister(folder, corrupt, ['a']);
    const text = readFileSync(join(folder, corrupt), 'utf8').replace('"file_size": 1', '"file_size": -1');
    writeFileSync(join(folder, corrupt), text);
    const line = text.split('\n').findIndex((one) => one.includes('file_size')) + 1;
    writeFileSync(join(folder, cut), text.slice(0, text.indexOf('root_dir') + 12));
    const aside = `${corrupt}.corrupt-0123456789abcdef`;
    const temporaries = ['.5f0c.tmp', 'systems_download.manifest.tmp', `.${healthy}.journal/.77.tmp`];
    const fresh = ['.being-written.tmp', `.${healthy}.journal/.now.tmp`];
    const foreign = ['notes.txt', 'manifest.json', '.gitignore', 'x.tmp', `x.corrupt-0123`];
    for (const name of [aside, 'Prices.manifest.json', ...temporaries, ...fresh, ...foreign])
      writeFileSync(join(folder, name), 'x');
    for (const name of temporaries) utimesSync(join(folder, name), 0, Date.now() / 1000 - 61);
    for (const name of ['data', '.x.journal', '.git']) mkdirSync(join(folder, name));
    const before = everything(folder);

    const found = await scan(folder);
    expect(everything(folder)).toEqual(before);
    expect(found.foreign).toEqual([...foreign, 'data/', '.x.journal/', '.git/'].sort());
    const { ts_updated } = JSON.parse(readFileSync(join(folder, healthy), 'utf8')).metadata;
    const nothing = { records: null, pending: null, total_records: null, total_mismatch: false, ts_updated: null };
    const temporary = (name: string) => ({
      ...nothing,
      name,
      domain: null,
      process: null,
      state: 'stale_temporary',
      problem: { file: name, line: null, field: null, reason: expect.stringContaining('delete it') },
    });
    const expected = [
      {
        ...nothing,
        name: healthy,
        domain: 'star_systems',
        process: 'download',
        state: 'healthy',
        records: 2,
        pending: 0,
        total_records: 2,
        ts_updated,
        problem: null,
      },
      {
        ...nothing,
        name: corrupt,
        domain: 'bodies',
        process: 'ingestion',
        state: 'corrupt',
        problem: {
          file: corrupt,
          line,
          field: `records.${sha('a')}.file_size`,
          reason: expect.stringContaining('whole number'),
        },
      },
      {
        ...nothing,
        name: cut,
        domain: 'cut',
        process: 'download',
        state: 'corrupt',
        problem: { file: cut, line: 5, field: 'metadata.root_dir', reason: expect.stringContaining('JSON') },
      },
      {
        ...nothing,
        name: missing,
        domain: 'gone',
        process: 'download',
        state: 'missing',
        pending: 3,
        problem: { file: missing, line: null, field: null, reason: expect.stringContaining('anew from') },
      },
      {
        ...nothing,
        name: 'Prices.manifest.json',
        domain: null,
        process: null,
        state: 'misnamed',
        problem: {
          file: 'Prices.manifest.json',
          line: null,
          field: null,
          reason: expect.stringContaining('<domain>_<process>'),
        },
      },
      {
        ...nothing,
        name: aside,
        domain: 'bodies',
        process: 'ingestion',
        state: 'set_aside',
        problem: { file: aside, line: null, field: null, reason: expect.stringContaining(corrupt) },
      },
      ...temporaries.map(temporary),
    ];
    expect(found.files).toEqual(expected.sort((a, b) => (a.name < b.name ? -1 : 1)));
  });

  it('tells what only the journal has, and a number of records that is wrong', async () => {
    const folder = tempFolder();
    const name = 'systems_download.manifest.json';
    await makeRegister(folder, name, ['a', 'b']);
    const register = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    delete register.records[sha('a')];
    writeFileSync(join(folder, name), JSON.stringify(register));
    expect((await scan(folder)).files).toMatchObject([
      { state: 'healthy', records: 1, pending: 1, total_records: 2, total_mismatch: true },
    ]);
    await makeRegister(folder, name, []);
    expect((await scan(folder)).files).toMatchObject([
      { state: 'healthy', records: 2, pending: 0, total_records: 2, total_mismatch: false },
    ]);
  });

  it('names the object of the journal that is broken', async () => {
    const folder = tempFolder();
    const name = 'systems_download.manifest.json';
    await makeRegister(folder, name, ['a']);
    const journal = join(folder, `.${name}.journal`);
    const [part = ''] = readdirSync(journal);
    writeFileSync(join(journal, part), '{}');
    const file = `.${name}.journal/${part}`;
    expect((await scan(folder)).files).toMatchObject([
      { name, state: 'corrupt', problem: { file, line: 1, field: null } },
    ]);
    renameSync(join(journal, part), join(journal, 'README'));
    expect((await scan(folder)).files).toMatchObject([{ name, state: 'healthy', records: 1, pending: 0 }]);
  });

  it('goes on where one file cannot be read', async () => {
    const folder = tempFolder();
    await makeRegister(folder, 'a_download.manifest.json', ['a']);
    await makeRegister(folder, 'b_download.manifest.json', ['b']);
    const store = new LocalStore(folder);
    const get = store.get.bind(store);
    store.get = (path) => (path.startsWith('a_') ? new LocalStore(folder).get('') : get(path));
    const { files } = await scanRegisters(store);
    expect(files.map(({ state }) => state)).toEqual(['corrupt', 'healthy']);
    expect(files[0]?.problem?.reason).toContain('EISDIR');
  });
});
