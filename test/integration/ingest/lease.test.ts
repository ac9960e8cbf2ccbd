import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sleep } from '../../../src/base/clock.js';
import {
  acquireLease,
  breakLease,
  type Lease,
  type LeaseRequest,
  listLeases,
  readLease,
} from '../../../src/ingest/load/lease.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { tempFolder } from '../../support/temp-folder.js';

const NAME = 'bronze.daily';
const HOST = 'this-host';

/** A lake whose clock only moves by hand. */
function lake() {
  const store = new LocalStore(tempFolder());
  const time = { now: Date.UTC(2026, 0, 1) };
  const clock = { now: () => time.now, random: () => 0 };
  const acquire = async (runId: string, rest: Partial<LeaseRequest> & { pid?: number; host?: string } = {}) => {
    const { pid = process.pid, host = HOST, ...request } = rest;
    const holder = { runId, pid, host, actor: 'ann' };
    const lease = await acquireLease({ store, name: NAME, clock, holder, ...request });
    onTestFinished(() => lease.release());
    return lease;
  };
  return { store, time, acquire };
}

/** A process that ran and is gone. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

describe('a lease', () => {
  it('is held by one run at a time, and says who', async () => {
    const { store, time, acquire } = lake();
    const lease = await acquire('run-1');
    expect(lease).toMatchObject({ name: NAME, token: 1, lost: false });
    time.now += 12_000;
    const refused = acquire('run-2');
    await expect(refused).rejects.toMatchObject({ code: 'LOCKED', exitCode: 5, retryable: true, place: NAME });
    await expect(refused).rejects.toThrow(
      `bronze.daily is being loaded by process ${process.pid} on this-host (run run-1 by ann): it started 12 s ago, last seen 12 s ago`,
    );
    expect(await readLease(store, NAME)).toEqual({
      name: NAME,
      token: 1,
      runId: 'run-1',
      pid: process.pid,
      host: HOST,
      actor: 'ann',
      acquiredAt: time.now - 12_000,
      heartbeatAt: time.now - 12_000,
    });
    await lease.release();
    expect(await readLease(store, NAME)).toBeUndefined();
    expect((await acquire('run-2')).token).toBe(2);
  });

  it('of another target is another one', async () => {
    const { store, acquire } = lake();
    await acquire('run-1', { name: 'bronze.other' });
    await acquire('run-2');
    await acquire('run-3', { name: '../up/and.away' });
    expect((await listLeases(store)).map(({ name, runId }) => [name, runId])).toEqual([
      ['../up/and.away', 'run-3'],
      [NAME, 'run-2'],
      ['bronze.other', 'run-1'],
    ]);
    expect(await store.listFolders('')).toEqual(['_leases']);
  });

  it('of a process of this host that is gone is taken at once, with the next token', async () => {
    const { acquire } = lake();
    await acquire('run-1', { pid: deadPid() });
    expect((await acquire('run-2')).token).toBe(2);
  });

  it('of a process of another host is taken after a minute without sign of life', async () => {
    const { time, acquire } = lake();
    await acquire('run-1', { host: 'far', pid: deadPid() });
    time.now += 59_999;
    await expect(acquire('run-2')).rejects.toMatchObject({ code: 'LOCKED' });
    time.now += 1;
    expect((await acquire('run-2')).token).toBe(2);
  });

  it('of a process of this host that gives no sign of life is taken: the number may be that of another process', async () => {
    const { time, acquire } = lake();
    await acquire('run-1');
    time.now += 60_000;
    expect((await acquire('run-2')).token).toBe(2);
  });

  it('lives on with each sign of life', async () => {
    const { store, time, acquire } = lake();
    const lease = await acquire('run-1', { host: 'far' });
    for (let i = 0; i < 3; i++) {
      time.now += 50_000;
      await lease.renew();
    }
    await expect(acquire('run-2')).rejects.toThrow('it started 150 s ago, last seen 0 s ago');
    expect(await readLease(store, NAME)).toMatchObject({ acquiredAt: time.now - 150_000, heartbeatAt: time.now });
  });

  it('gives signs of life by a timer, until it is released', async () => {
    const { store, time, acquire } = lake();
    const lease = await acquire('run-1', { heartbeatMs: 5 });
    time.now += 30_000;
    await expect.poll(async () => (await readLease(store, NAME))?.heartbeatAt).toBe(time.now);
    await lease.release();
    time.now += 30_000;
    await sleep(30);
    expect(await readLease(store, NAME)).toBeUndefined();
  });

  it('does not keep a process alive', () => {
    const keeps = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { acquire } = lake();
    return acquire('run-1').then(() => {
      const now = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      expect(now).toBeLessThanOrEqual(keeps);
    });
  });

  it('of a live run is taken when that is asked for; the run sees it and leaves the new one alone', async () => {
    const { store, acquire } = lake();
    const first = await acquire('run-1');
    const second = await acquire('run-2', { takeOver: true });
    expect(second.token).toBe(2);
    expect(first.lost).toBe(false);
    await first.renew();
    expect(first.lost).toBe(true);
    await first.release();
    expect(await readLease(store, NAME)).toMatchObject({ runId: 'run-2', token: 2 });
    await expect(acquire('run-3')).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('can be broken by hand: the run sees it, the next one gets it', async () => {
    const { store, acquire } = lake();
    expect(await breakLease(store, NAME)).toBeUndefined();
    const lease = await acquire('run-1');
    expect(await breakLease(store, NAME)).toMatchObject({ runId: 'run-1', token: 1 });
    expect(await breakLease(store, NAME)).toBeUndefined();
    expect(await listLeases(store)).toEqual([]);
    await lease.renew();
    expect(lease.lost).toBe(true);
    expect((await acquire('run-2')).token).toBe(2);
  });

  it('that cannot be read holds nobody up', async () => {
    const { store, acquire } = lake();
    for (const [i, text] of ['', '{"run_id":', '[]', 'null', '{"pid":"x","heartbeat_at":7}'].entries()) {
      const path = `_leases/${NAME}/${String(2 * i + 1).padStart(16, '0')}.json`;
      await store.put(path, Buffer.from(text));
      const lease = await acquire('run');
      expect(lease.token).toBe(2 * i + 2);
      await lease.release();
    }
  });

  it('leaves one small file, whatever number of runs had it', async () => {
    const { store, acquire } = lake();
    for (let i = 0; i < 5; i++) await (await acquire(`run-${i}`)).release();
    const path = `_leases/${NAME}/0000000000000005.json`;
    expect(await store.list(`_leases/${NAME}`)).toEqual([path]);
    expect(JSON.parse(Buffer.from(await store.get(path)).toString())).toEqual({
      run_id: 'run-4',
      pid: process.pid,
      host: HOST,
      actor: 'ann',
      acquired_at: '2026-01-01T00:00:00.000Z',
      heartbeat_at: '2026-01-01T00:00:00.000Z',
      token: 5,
      id: expect.any(String),
      released: true,
    });
  });

  /** Lets the others run before each call, in an order that the seed decides. */
  class SlowStore extends LocalStore {
    #state: number;

    constructor(folder: string, seed: number) {
      super(folder);
      this.#state = seed * 2_654_435_761 + 1;
    }

    async #pause(): Promise<void> {
      this.#state = (this.#state * 1_103_515_245 + 12_345) % 2_147_483_648;
      for (let i = this.#state % 5; i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
    }

    override async list(prefix: string): Promise<string[]> {
      await this.#pause();
      return super.list(prefix);
    }

    override async get(path: string): Promise<Uint8Array> {
      await this.#pause();
      return super.get(path);
    }

    override async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
      await this.#pause();
      return super.putIfAbsent(path, data);
    }
  }

  it('of a dead run has one winner however many take it at once', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { store, acquire } = lake();
      await acquire('dead', { pid: deadPid0 });
      const takers = Array.from({ length: 8 }, (_, i) =>
        acquire(`run-${i}`, { store: new SlowStore(store.root, seed * 8 + i) }),
      );
      const results = await Promise.allSettled(takers);
      const won = results.filter((result): result is PromiseFulfilledResult<Lease> => result.status === 'fulfilled');
      expect(won).toHaveLength(1);
      expect(won[0]?.value.token).toBe(2);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'LOCKED' });
      }
    }
  });

  it('is never with two runs that come and go', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { store, acquire } = lake();
      let inside = 0;
      const work = async (worker: number) => {
        const own = new SlowStore(store.root, seed * 8 + worker);
        for (let i = 0; i < 10; i++) {
          const lease = await acquire(`run-${worker}-${i}`, { store: own }).catch(() => undefined);
          if (lease === undefined) continue;
          expect(++inside).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
          await lease.release();
        }
      };
      await Promise.all([0, 1, 2, 3].map(work));
    }
  });

  const deadPid0 = deadPid();

  it('is not with a run that was too slow to see others come and go', async () => {
    const { store, acquire } = lake();
    await acquire('dead', { pid: deadPid0 });
    class Late extends LocalStore {
      override async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
        if (path.endsWith('2.json')) {
          await (await acquire('run-1')).release();
          await acquire('run-2');
        }
        return super.putIfAbsent(path, data);
      }
    }
    await expect(acquire('late', { store: new Late(store.root) })).rejects.toThrow('(run run-2 by ann)');
    expect(await readLease(store, NAME)).toMatchObject({ runId: 'run-2', token: 3 });
  });

  it('needs no folder that is there', async () => {
    const { acquire } = lake();
    const store = new LocalStore(join(tempFolder(), 'not', 'yet'));
    expect(await listLeases(store)).toEqual([]);
    expect((await acquire('run-1', { store })).token).toBe(1);
  });
});
