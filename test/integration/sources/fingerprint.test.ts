import { createHash } from 'node:crypto';
import fs, { appendFileSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { assertUnchanged, readFingerprint } from '../../../src/sources/index.js';
import { tempFolder } from '../../support/temp-folder.js';

function fileOf(bytes: Uint8Array | string): string {
  const file = join(tempFolder(), 'a file');
  writeFileSync(file, bytes);
  return file;
}

const bytesOf = (size: number) => Buffer.alloc(size, 'some bytes, ');

describe('the fingerprint of a file', () => {
  it.each([0, 1, 262_143, 262_144, 262_145, 1_048_576, 3_000_001])(
    'of %i bytes has the hashes of its bytes',
    async (size) => {
      const bytes = bytesOf(size);
      const file = fileOf(bytes);
      let seen = 0;
      const found = await readFingerprint(file, (n) => {
        seen += n;
      });
      expect(found.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(found.gitSha).toBe(createHash('sha1').update(`blob ${size}\0`).update(bytes).digest('hex'));
      expect(found.size).toBe(size);
      expect(found.modified).toBeCloseTo(fs.statSync(file).mtimeMs, 1);
      expect(seen).toBe(size);
    },
  );

  it('has the ids of published test vectors', async () => {
    expect(await readFingerprint(fileOf('hello\n'))).toMatchObject({
      gitSha: 'ce013625030ba8dba906f756967f9e9ca394464a',
      sha256: '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03',
    });
  });

  it('of a file that is written to meanwhile is that of the file at rest', async () => {
    const file = fileOf(bytesOf(4_000_000));
    let written = 0;
    const found = await readFingerprint(file, () => {
      if (written++ === 0) appendFileSync(file, 'more');
    });
    expect(found.size).toBe(4_000_004);
    await assertUnchanged(file, found);
  });

  it('of a small file that is written to in the midst of its one read is that of the file at rest', async () => {
    const file = fileOf('one');
    const { readSync } = fs;
    onTestFinished(() => void vi.restoreAllMocks());
    const changes = [() => appendFileSync(file, ' two'), () => utimesSync(file, 1, 1)];
    vi.spyOn(fs, 'readSync').mockImplementation((...args: unknown[]) => {
      const read = Reflect.apply(readSync, fs, args);
      if (read === 0) changes.pop()?.();
      return read;
    });
    const found = await readFingerprint(file);
    expect(changes).toEqual([]);
    expect(found.sha256).toBe(createHash('sha256').update('one two').digest('hex'));
  });

  it('of a file that is replaced meanwhile is that of the new one', async () => {
    const file = fileOf(bytesOf(4_000_000));
    let read = 0;
    const found = await readFingerprint(file, () => {
      if (read++ > 0) return;
      writeFileSync(`${file}.new`, 'new');
      renameSync(`${file}.new`, file);
    });
    expect(found.sha256).toBe(createHash('sha256').update('new').digest('hex'));
  });

  it('of a file that does not come to rest is SOURCE_CHANGED, to be tried again', async () => {
    const file = fileOf(bytesOf(2_000_000));
    const reading = readFingerprint(file, () => appendFileSync(file, 'more'));
    await expect(reading).rejects.toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, exitCode: 1, place: file });
  });

  it('of what cannot be read is SOURCE_UNREADABLE', async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'd'));
    for (const path of ['none', 'd']) {
      const place = join(folder, path);
      await expect(readFingerprint(place)).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE', place, exitCode: 1 });
    }
  });

  it('tells whether the file is in another state: bytes, time, other file, none', async () => {
    const file = fileOf('one');
    const before = await readFingerprint(file);
    await assertUnchanged(file, before);
    const changes = [
      () => appendFileSync(file, 'x'),
      () => utimesSync(file, 1, 1),
      () => {
        const { atime, mtime } = fs.statSync(file);
        writeFileSync(`${file}.2`, 'two');
        utimesSync(`${file}.2`, atime, mtime);
        renameSync(`${file}.2`, file);
      },
      () => rmSync(file),
    ];
    for (const change of changes) {
      writeFileSync(file, 'one');
      const found = await readFingerprint(file);
      change();
      await expect(assertUnchanged(file, found)).rejects.toMatchObject({ code: 'SOURCE_CHANGED', retryable: true });
    }
  });

  it('leaves time to others, however many files there are', async () => {
    const file = fileOf(bytesOf(1000));
    let turns = 0;
    const timer = setInterval(() => {
      turns++;
    }, 10);
    const end = performance.now() + 500;
    while (performance.now() < end) await readFingerprint(file);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});
