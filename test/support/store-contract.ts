import { describe, expect, it } from 'vitest';
import { LakeError } from '../../src/base/lake-error.js';
import type { ObjectStore } from '../../src/storage/object-store.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = async (store: ObjectStore, path: string): Promise<string> =>
  new TextDecoder().decode(await store.get(path));

async function* parts(...texts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of texts) {
    if (part instanceof Error) throw part;
    yield bytes(part);
  }
}

async function errorOf(work: () => Promise<unknown>): Promise<LakeError> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LakeError);
  return error as LakeError;
}

/** What every `ObjectStore` promises; `open` gives an empty store, and handles on one place are of different writers. */
export function describeStore(name: string, open: () => { store: ObjectStore; again: () => ObjectStore }): void {
  describe(`${name} keeps the contract of object stores:`, () => {
    it('what is put is there, whole, and replaced by the next put', async () => {
      const { store, again } = open();
      await store.put('a/b/c.bin', bytes('one'));
      await store.put('a/b/c.bin', bytes('two, longer'));
      expect(await text(again(), 'a/b/c.bin')).toBe('two, longer');
      await store.put('empty', bytes(''));
      expect((await store.get('empty')).length).toBe(0);
      expect(new TextDecoder().decode(await store.getRange('a/b/c.bin', 5, 8))).toBe('lon');
      expect(new TextDecoder().decode(await store.getRange('a/b/c.bin', 9, 99))).toBe('er');
    });

    it('putStream puts what comes in parts, whole, and replaces what was there', async () => {
      const { store, again } = open();
      await store.putStream('a/b/c.bin', parts('one ', '', 'and two'));
      expect(await text(again(), 'a/b/c.bin')).toBe('one and two');
      await store.putStream('a/b/c.bin', parts('three'));
      expect(await text(again(), 'a/b/c.bin')).toBe('three');
      await store.putStream('empty', parts());
      expect((await store.get('empty')).length).toBe(0);
      expect(await store.list('a/b')).toEqual(['a/b/c.bin']);
    });

    it('putStream of parts that fail leaves what was there, and the error is theirs', async () => {
      const { store, again } = open();
      const failure = new LakeError('SOURCE_CHANGED', 'the source is gone');
      expect(await errorOf(() => store.putStream('new/a', parts('half', failure)))).toBe(failure);
      expect(await store.findMeta('new/a')).toBeUndefined();
      expect(await store.list('new')).toEqual([]);
      await store.put('b', bytes('old'));
      expect(await errorOf(() => store.putStream('b', parts('half', failure)))).toBe(failure);
      expect(await text(again(), 'b')).toBe('old');
      expect(await store.list('')).toEqual(['b']);
    });

    it('of putStreams at once the last wins, and readers see one of them whole or nothing', async () => {
      const { store, again } = open();
      const bodies = Array.from({ length: 8 }, (_, i) => Array.from({ length: 20 }, () => `${i}`.repeat(1000)));
      const seen = new Set<string>();
      let done = false;
      const reader = (async () => {
        while (!done) {
          seen.add(await text(again(), 's').catch((error: LakeError) => error.code));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await Promise.all(bodies.map((body) => again().putStream('s', parts(...body))));
      seen.add(await text(store, 's'));
      done = true;
      await reader;
      const whole = new Set(['NOT_FOUND', ...bodies.map((body) => body.join(''))]);
      expect([...seen].filter((found) => !whole.has(found))).toEqual([]);
      expect(await store.list('')).toEqual(['s']);
    });

    it('putIfAbsent takes a name once and leaves what was there alone', async () => {
      const { store, again } = open();
      expect(await store.putIfAbsent('log/0', bytes('first'))).toBe(true);
      expect(await again().putIfAbsent('log/0', bytes('second'))).toBe(false);
      expect(await text(store, 'log/0')).toBe('first');
      await store.delete('log/0');
      expect(await store.putIfAbsent('log/0', bytes('third'))).toBe(true);
    });

    it('of 16 writers at once one wins, and readers see its bytes whole or nothing', async () => {
      const { store, again } = open();
      const bodies = Array.from({ length: 16 }, (_, i) => String.fromCharCode(97 + i).repeat(100_000));
      const seen: string[] = [];
      let done = false;
      const reader = (async () => {
        while (!done) {
          const found = await text(again(), 'log/1').catch((error: LakeError) => error.code);
          if (found !== 'NOT_FOUND') seen.push(found);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const won = await Promise.all(bodies.map((body) => again().putIfAbsent('log/1', bytes(body))));
      seen.push(await text(store, 'log/1'));
      done = true;
      await reader;
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(new Set(seen)).toEqual(new Set([bodies[won.indexOf(true)]]));
      expect(await store.list('log')).toEqual(['log/1']);
    });

    it('an absent object is NOT_FOUND with its place, has no metadata, and can be deleted', async () => {
      const { store } = open();
      for (const work of [() => store.get('no/such'), () => store.getRange('no/such', 0, 1)]) {
        const error = await errorOf(work);
        expect(error.code).toBe('NOT_FOUND');
        expect(error.place).toContain('no/such');
      }
      expect(await store.findMeta('no/such')).toBeUndefined();
      await store.delete('no/such');
    });

    it('metadata has size and time', async () => {
      const { store } = open();
      const before = Date.now() - 5000;
      await store.put('x/y', bytes('12345'));
      const meta = await store.findMeta('x/y');
      expect(meta).toMatchObject({ path: 'x/y', size: 5 });
      expect(meta?.modified).toBeGreaterThan(before);
      expect(await store.findMeta('x')).toBeUndefined();
    });

    it('list is of one folder, by code point, after a name; folders are listed apart', async () => {
      const { store } = open();
      const names = ['B', 'a', 'a.b', 'a b', 'é', '\u{ff5e}', '\u{1f986}', '10', '9'];
      for (const name of names) await store.put(`f/${name}`, bytes(name));
      for (const folder of ['z', 'y']) await store.put(`f/${folder}/inner`, bytes(''));
      const sorted = ['10', '9', 'B', 'a', 'a b', 'a.b', 'é', '\u{ff5e}', '\u{1f986}'].map((n) => `f/${n}`);
      expect(await store.list('f')).toEqual(sorted);
      expect(await store.list('f', 'f/a')).toEqual(sorted.slice(4));
      expect(await store.list('f', 'f/\u{ff5e}')).toEqual(sorted.slice(8));
      expect(await store.list('f', 'f/zzz')).toEqual(sorted.slice(6));
      expect(await store.listFolders('f')).toEqual(['y', 'z']);
      expect(await store.list('nothing/here')).toEqual([]);
      expect(await store.listFolders('nothing/here')).toEqual([]);
    });

    it('listAll finds every object below a folder with its size, except where it may not enter', async () => {
      const { store, again } = open();
      const before = Date.now() - 2000;
      for (const path of ['a', 'f/b', 'f/x=1/c', 'f/x=1/y/d', 'f/_log/e', 'f/x=1/_log/g']) {
        await store.put(path, bytes(path));
      }
      const all = async (prefix: string, enter?: (folder: string) => boolean) => {
        const found = [];
        for await (const meta of again().listAll(prefix, enter)) found.push(meta);
        return found.sort((a, b) => (a.path < b.path ? -1 : 1));
      };
      expect((await all('')).map((meta) => meta.path)).toEqual([
        'a',
        'f/_log/e',
        'f/b',
        'f/x=1/_log/g',
        'f/x=1/c',
        'f/x=1/y/d',
      ]);
      const entered: string[] = [];
      const some = await all('f', (folder) => {
        entered.push(folder);
        return !folder.endsWith('_log');
      });
      expect(some.map((meta) => meta.path)).toEqual(['f/b', 'f/x=1/c', 'f/x=1/y/d']);
      expect(entered.sort()).toEqual(['f/_log', 'f/x=1', 'f/x=1/_log', 'f/x=1/y']);
      for (const meta of some) {
        expect(meta.size).toBe(meta.path.length);
        expect(meta.modified).toBeGreaterThan(before);
        expect(await store.findMeta(meta.path)).toEqual(meta);
      }
      expect(await all('nothing/here')).toEqual([]);
    });

    it.each(['../outside', 'a/../../outside', '/outside', '..', 'a/../..'])(
      'no path leaves the root: %s',
      async (path) => {
        const { store } = open();
        expect(() => store.location(path)).toThrow(expect.objectContaining({ code: 'STORAGE' }));
        const works = [
          () => store.get(path),
          () => store.put(path, bytes('x')),
          () => store.putIfAbsent(path, bytes('x')),
          () => store.putStream(path, parts('x')),
          () => store.findMeta(path),
          () => store.list(path),
          () => store.listFolders(path),
          () => store.delete(path),
          () => store.sync([path]),
        ];
        for (const work of works) {
          const error = await errorOf(work);
          expect(error.code).toBe('STORAGE');
          expect(error.place).toBe(store.root);
          expect(error.message).toContain(path);
        }
      },
    );

    it('sync makes what is there durable and reports what is not', async () => {
      const { store } = open();
      await store.put('p=1/data', bytes('x'));
      await store.sync(['p=1/data']);
      await store.sync([]);
      expect((await errorOf(() => store.sync(['p=1/gone']))).code).toBe('NOT_FOUND');
    });
  });
}
