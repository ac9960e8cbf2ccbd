import { spawn } from 'node:child_process';
import fs, { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LocalStore } from '../../../src/storage/local-store.js';
import { readText } from '../../support/repository.js';
import { describeStore } from '../../support/store-contract.js';
import { tempFolder } from '../../support/temp-folder.js';

const DATA = new TextEncoder().encode('x');

describeStore('LocalStore', () => {
  const folder = tempFolder();
  return { store: new LocalStore(folder), again: () => new LocalStore(folder) };
});

function failWith(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`${code}: it failed`), { code });
  };
}

async function* oneByOne(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

const CHILD = `
import { LocalStore } from './storage/local-store.mjs';
async function* endless() {
  for (;;) {
    process.stdout.write('.');
    yield Buffer.alloc(1000, 'y');
  }
}
const store = new LocalStore(process.argv[2]);
await Promise.all([store.putStream('f/a', endless()), store.putStream('f/b', endless())]);
`;

/** A program for a process of its own that writes two streams without end. */
function transpiled(folder: string): string {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text.replaceAll(/(from '\.[^']*)\.js'/g, "$1.mjs'"));
    return join(folder, path);
  };
  for (const name of ['base/lake-error', 'storage/local-store']) {
    const options = { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } };
    write(`${name}.mjs`, ts.transpileModule(readText(`src/${name}.ts`), options).outputText);
  }
  return write('child.mjs', CHILD);
}

describe('LocalStore', () => {
  afterEach(() => vi.restoreAllMocks());

  it('needs no folder to be there, and a neighbour with the same beginning is outside', async () => {
    const folder = join(tempFolder(), 'not', 'yet');
    const store = new LocalStore(folder);
    expect(await store.list('')).toEqual([]);
    expect(await store.putIfAbsent('a', DATA)).toBe(true);
    expect(() => store.location(`${folder}-beside/x`)).toThrow('leaves the folder');
    expect(store.location('')).toBe(folder);
  });

  it('a file where a folder should be is a storage error with its place', async () => {
    const store = new LocalStore(tempFolder());
    await store.put('a', DATA);
    await expect(store.put('a/b', DATA)).rejects.toMatchObject({ code: 'STORAGE', place: store.location('a/b') });
    await expect(store.list('a')).rejects.toMatchObject({ code: 'STORAGE', place: store.location('a') });
    mkdirSync(store.location('folder'));
    await expect(store.get('folder')).rejects.toMatchObject({ code: 'STORAGE', place: store.location('folder') });
  });

  it.skipIf(process.getuid?.() === 0)('says what to do about missing permissions', async () => {
    const store = new LocalStore(tempFolder());
    await store.put('f/a', DATA);
    chmodSync(store.location('f'), 0o500);
    const error = { code: 'STORAGE', place: store.location('f/b'), hint: expect.stringContaining('permissions') };
    await expect(store.put('f/b', DATA)).rejects.toMatchObject(error);
    chmodSync(store.location('f'), 0o700);
  });

  it.each([
    ['ENOSPC', true, 'disk space'],
    ['EDQUOT', false, 'quota'],
    ['EROFS', false, 'read-only'],
    ['EMFILE', true, 'ulimit'],
    ['EACCES', false, 'permissions'],
  ])('%s while writing: nothing is there, a hint says what to do', async (code, retryable, hint) => {
    const folder = tempFolder();
    const store = new LocalStore(folder);
    vi.spyOn(fs, 'writeFileSync').mockImplementation(failWith(code));
    const expected = { code: 'STORAGE', retryable, hint: expect.stringContaining(hint), place: join(folder, 'a') };
    await expect(store.putIfAbsent('a', DATA)).rejects.toMatchObject(expected);
    await expect(store.put('a', DATA)).rejects.toMatchObject(expected);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['writeFile', 'sync'] as const)('a stream whose %s fails leaves nothing and says why', async (name) => {
    const folder = tempFolder();
    const store = new LocalStore(folder);
    const real = fs.promises.open;
    vi.spyOn(fs.promises, 'open').mockImplementation(async (...args) => {
      const handle = await real(...args);
      vi.spyOn(handle, name).mockImplementation(failWith('ENOSPC'));
      return handle;
    });
    const expected = { code: 'STORAGE', retryable: true, place: join(folder, 'a') };
    await expect(store.putStream('a', oneByOne([DATA]))).rejects.toMatchObject(expected);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a stream is written part by part: nothing of it waits in memory', async () => {
    const folder = tempFolder();
    const part = Buffer.alloc(1024 * 1024, 'x');
    let ahead = 0;
    async function* watched() {
      for (let i = 0; i < 32; i++) {
        const written = readdirSync(folder).reduce((sum, name) => sum + fs.statSync(join(folder, name)).size, 0);
        ahead = Math.max(ahead, i * part.length - written);
        yield part;
      }
    }
    await new LocalStore(folder).putStream('a', watched());
    expect(ahead).toBe(0);
    expect(fs.statSync(join(folder, 'a')).size).toBe(32 * part.length);
  });

  it('a process killed while it writes a stream leaves the old object', async () => {
    const folder = tempFolder();
    const store = new LocalStore(join(folder, 'store'));
    await store.put('f/a', DATA);
    const child = spawn(process.execPath, [transpiled(folder), store.root], { stdio: ['ignore', 'pipe', 'inherit'] });
    let bytes = 0;
    for await (const chunk of child.stdout) {
      bytes += chunk.length;
      if (bytes >= 20) child.kill('SIGKILL');
    }
    expect(await store.get('f/a')).toEqual(Buffer.from(DATA));
    expect(await store.findMeta('f/b')).toBeUndefined();
    const names = readdirSync(join(store.root, 'f')).filter((name) => name !== 'a');
    expect(names.filter((name) => !/^\.[0-9a-f-]{36}\.tmp$/.test(name))).toEqual([]);
    expect(names).not.toEqual([]);
  });

  it('an answer lost after the name was taken is still a storage error, and leaves no temporary file', async () => {
    const folder = tempFolder();
    const store = new LocalStore(folder);
    const real = fs.fsyncSync;
    let calls = 0;
    vi.spyOn(fs, 'fsyncSync').mockImplementation((handle) => {
      calls += 1;
      if (calls === 2) failWith('EIO')();
      real(handle);
    });
    await expect(store.putIfAbsent('a', DATA)).rejects.toMatchObject({ code: 'STORAGE', place: join(folder, 'a') });
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('leftovers of a writer that died are not in the way', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, '.0b5e.tmp'), 'half');
    const store = new LocalStore(folder);
    expect(await store.putIfAbsent('a', DATA)).toBe(true);
    expect(await store.list('')).toEqual(['.0b5e.tmp', 'a']);
  });
});
