import fs, { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LocalStore } from '../../../src/storage/local-store.js';
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
