import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import { readFileEvents } from '../../../src/ingest/events/read-events.js';
import { adHocSource } from '../../../src/ingest/index.js';
import { acquireLease } from '../../../src/ingest/load/lease.js';
import { LakeState } from '../../../src/ingest/manage/lake-state.js';
import type { Lake } from '../../../src/lake.js';
import { load, sha256, TARGET, writerOf } from '../../support/bronze.js';
import { fileEvent, recordEvents, second, sha } from '../../support/file-events.js';
import { openLake } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

function stateOf(lake: Lake): LakeState {
  return new LakeState({ deps: () => writerOf(lake), actor: () => 'tester' });
}

async function eventsOf(lake: Lake) {
  return (await readFileEvents(await writerOf(lake))).events;
}

async function exported(lake: Lake): Promise<string> {
  let text = '';
  for await (const piece of stateOf(lake).export()) text += piece;
  return text;
}

/** A source of CSV files in a folder of its own. */
function delivery(files: Readonly<Record<string, string>>) {
  const cwd = tempFolder();
  mkdirSync(join(cwd, 'in'));
  const write = (more: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(more)) writeFileSync(join(cwd, 'in', name), text);
  };
  write(files);
  return {
    write,
    path: (name: string) => join(cwd, 'in', name),
    sources: [adHocSource({ files: ['in/*.csv'], into: TARGET, cwd })],
  };
}

const FILES = { 'a.csv': 'n\n1\n2\n', 'b.csv': 'n\n3\n', 'copy.csv': 'n\n3\n', 'bad.csv': 'n\n"x\n' };

describe('state export and import', () => {
  it('carry the state of a lake into an empty one, once', async () => {
    const lake = await openLake();
    const { write, sources } = delivery(FILES);
    await lake.ingest({ sources });
    write({ 'a.csv': 'n\n1\n2\n4\n' });
    await lake.ingest({ sources });
    const text = await exported(lake);
    expect(JSON.parse(text)).toMatchObject({ version: 1 });

    const other = await openLake();
    const { length } = await eventsOf(lake);
    expect(await stateOf(other).import(text, { dryRun: true })).toEqual({
      events: length,
      recorded: length,
      known: 0,
      dry_run: true,
    });
    expect(await other.catalog.names()).toEqual([]);
    expect(await stateOf(other).import(text)).toMatchObject({ recorded: length, known: 0 });
    expect(await eventsOf(other)).toEqual(await eventsOf(lake));
    expect(await stateOf(other).import(text)).toMatchObject({ recorded: 0, known: length });
    expect(await stateOf(lake).import(text, { dryRun: true })).toMatchObject({ recorded: 0 });
    expect(JSON.parse(await exported(other))).toEqual(JSON.parse(text));
  });

  it('bring a ledger back that was lost, and what comes later comes later', async () => {
    const lake = await openLake();
    const { write, sources } = delivery(FILES);
    for (let i = 0; i < 3; i++) {
      write({ 'a.csv': `n\n${i}\n` });
      await lake.ingest({ sources });
    }
    const text = await exported(lake);
    rmSync(join(lake.catalog.root, 'metadata'), { recursive: true });
    const lost = await openLake({ root: lake.catalog.root });
    await stateOf(lost).import(text);
    expect((await lost.ingest({ sources })).processed).toBe(0);
    write({ 'a.csv': 'n\n100\n' });
    expect((await lost.ingest({ sources })).processed).toBe(1);
    expect((await lost.ingest({ sources })).processed).toBe(0);
    expect((await lost.select(`SELECT n::INTEGER AS n FROM ${TARGET} ORDER BY n`)).rows).toEqual([
      { n: 3 },
      { n: 100 },
    ]);
    expect(await stateOf(lost).verify({ depth: 'full' })).toMatchObject({ clean: true });
  });

  it('of a lake without ingests is a file without events', async () => {
    const lake = await openLake();
    expect(JSON.parse(await exported(lake))).toEqual({ version: 1, events: [] });
    await lake.init();
    expect(JSON.parse(await exported(lake))).toEqual({ version: 1, events: [] });
    expect(await stateOf(lake).import(await exported(lake))).toMatchObject({ events: 0, recorded: 0 });
  });

  it('refuses what is no state, before it writes anything', async () => {
    const lake = await openLake();
    await recordEvents(lake, [fileEvent()]);
    const good = JSON.parse(await exported(lake)).events[0];
    const cases: [unknown, RegExp][] = [
      ['{', /no JSON/],
      [[], /no state/],
      [{ version: 2, events: [] }, /version: expected 1/],
      [{ version: 1 }, /events/],
      [{ version: 1, events: [good, { file_sha: 'x' }] }, /no manifest/],
      [{ version: 1, events: [{ ...good, ingest: undefined }] }, /no event of ingest/],
      [{ version: 1, events: [{ ...good, target_backend: 'ADLS' }] }, /no event of ingest/],
      [{ version: 1, events: [{ ...good, status: 'DONE' }] }, /unknown status "DONE"/],
    ];
    const other = await openLake();
    for (const [value, message] of cases) {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      await expect(stateOf(other).import(text)).rejects.toThrow(message);
      await expect(stateOf(other).import(text)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    }
    expect(await other.catalog.names()).toEqual([]);
  });
});

describe('state get', () => {
  it('tells files, aliases, failures, batch, newest load and lease', async () => {
    const lake = await openLake();
    expect(await stateOf(lake).get()).toEqual([]);
    const { sources, path } = delivery(FILES);
    await lake.ingest({ sources });
    const [state, ...others] = await stateOf(lake).get();
    expect(others).toEqual([]);
    expect(state).toMatchObject({
      source: TARGET,
      target: TARGET,
      batch: 1,
      files: 2,
      rows: 3,
      lease: null,
      unfinished: 0,
    });
    const copy = state?.paths.find((one) => one.path === path('copy.csv'));
    expect(copy).toMatchObject({
      status: 'SKIPPED',
      rows: 0,
      loaded: [],
      held_by: path('b.csv'),
      sha: sha256('n\n3\n'),
    });
    await expect(stateOf(lake).get(['bronze.dialy'])).rejects.toMatchObject({ code: 'USAGE' });
    const lease = await acquireLease({
      store: lake.catalog.store,
      name: TARGET,
      holder: { runId: 'r', pid: process.pid, host: hostname(), actor: 'ana' },
      clock: systemClock,
    });
    expect((await stateOf(lake).get([TARGET]))[0]?.lease).toMatchObject({ run_id: 'r', actor: 'ana', alive: true });
    await lease.release();
  });

  it('counts tries by how they stand', async () => {
    const lake = await openLake();
    await lake.init();
    await recordEvents(lake, [
      fileEvent({ path: 'wait', sha: sha('a'), status: 'RETRYING', nextRetryAt: second(60) }),
      fileEvent({ path: 'dead', sha: sha('b'), status: 'FAILED', error: 'no' }),
      fileEvent({ path: 'held', sha: sha('c'), status: 'QUARANTINED', action: 'hold' }),
      fileEvent({ path: 'begun', sha: sha('d'), status: 'PROCESSING', batch: 7 }),
    ]);
    expect(await stateOf(lake).get()).toMatchObject([
      {
        files: 0,
        retrying: 1,
        failed: 1,
        held: 1,
        unfinished: 1,
        requested: 0,
        newest: null,
        next_retry_at: second(60),
      },
    ]);
  });
});

describe('state reset', () => {
  it('has every loaded file loaded again, in place of its rows, and asks once', async () => {
    const lake = await openLake();
    const { sources } = delivery(FILES);
    await lake.ingest({ sources });
    const state = stateOf(lake);
    const request = { name: TARGET, reason: 'wrong delimiter' };
    expect(await state.reset({ ...request, dryRun: true })).toHaveLength(2);
    expect((await state.get())[0]).toMatchObject({ requested: 0 });
    const files = await state.reset(request);
    expect(files.map(({ rows }) => rows).sort()).toEqual([1, 2]);
    expect(await state.reset(request)).toEqual([]);
    expect((await state.get())[0]).toMatchObject({ requested: 2, files: 2 });
    expect((await eventsOf(lake)).filter(({ reprocess }) => reprocess)).toMatchObject([
      { reason: 'wrong delimiter', status: 'PENDING' },
      { reason: 'wrong delimiter', status: 'PENDING' },
    ]);
    expect(await lake.ingest({ sources })).toMatchObject({ processed: 2, rows: 3 });
    expect((await state.get())[0]).toMatchObject({ requested: 0, files: 2, rows: 3 });
    expect(await state.verify({ depth: 'full' })).toMatchObject({ clean: true });
    await expect(state.reset({ name: 'nothing', reason: 'x' })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('state set', () => {
  it('keeps bytes from being loaded that are said to be there, or not to be wanted', async () => {
    const lake = await openLake();
    const { sources, path, write } = delivery({ 'a.csv': 'n\n1\n' });
    await lake.ingest({ sources });
    write({ 'b.csv': 'n\n2\n', 'c.csv': 'n\n3\n', 'd.csv': 'n\n4\n' });
    const state = stateOf(lake);
    await state.set({ path: path('b.csv'), sha: sha256('n\n2\n'), status: 'INGESTED', reason: 'by the old tool' });
    await state.set({ path: path('c.csv'), sha: sha256('n\n3\n'), status: 'SKIPPED', reason: 'a test' });
    const { files, processed } = await lake.ingest({ sources });
    expect(processed).toBe(1);
    expect(Object.fromEntries(files.map((file) => [file.path, file.rule]))).toEqual({
      [path('a.csv')]: 'same_bytes_same_path',
      [path('b.csv')]: 'same_bytes_same_path',
      [path('c.csv')]: 'quarantined',
      [path('d.csv')]: 'new',
    });
    expect(await state.verify({ depth: 'light' })).toMatchObject({ clean: true });
    const { rows } = await lake.select(
      "SELECT actor, meta->>'$.ingest.reason' AS reason FROM metadata.ingestion_event WHERE meta->>'$.ingest.by_hand' = 'true' ORDER BY ALL",
    );
    expect(rows).toEqual([
      { actor: 'tester', reason: 'set by hand: a test' },
      { actor: 'tester', reason: 'set by hand: by the old tool' },
    ]);
  });

  it('wants to know which file it is', async () => {
    const lake = await openLake();
    await lake.init();
    await load(lake, { path: 'a.csv', sha: sha('abcdef12'), rows: 1, batch: 1, source: 'north' });
    await load(lake, { path: 'x.csv', sha: sha('b'), rows: 1, batch: 1, source: 'south', runId: 's' });
    const state = stateOf(lake);
    const set = (path: string, bytes: string) => state.set({ path, sha: bytes, status: 'INGESTED', reason: 'x' });
    expect(await set('a.csv', 'abcdef')).toMatchObject({ source: 'north', target: TARGET, sha: sha('abcdef12') });
    await expect(set('a.csv', '123456')).rejects.toThrow('is not the SHA-256 of bytes that the ledger has');
    await expect(set('new.csv', sha('c'))).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('north → bronze.daily, south → bronze.daily'),
    });
    expect(
      await state.set({ path: 'n', sha: sha('c'), status: 'SKIPPED', reason: 'x', source: 'east', target: 'bronze.e' }),
    ).toMatchObject({ source: 'east', target: 'bronze.e', status: 'QUARANTINED' });
  });
});

describe('state unlock', () => {
  it('takes a lease away and says whose it was', async () => {
    const lake = await openLake();
    const state = stateOf(lake);
    expect([await state.leases(), await state.unlock(TARGET)]).toEqual([[], undefined]);
    const lease = await acquireLease({
      store: lake.catalog.store,
      name: TARGET,
      holder: { runId: 'r', pid: process.pid, host: hostname(), actor: 'ana' },
      clock: systemClock,
    });
    expect(await state.leases()).toMatchObject([{ target: TARGET, alive: true }]);
    expect(await state.unlock(TARGET)).toMatchObject({ target: TARGET, run_id: 'r', actor: 'ana', pid: process.pid });
    expect(await state.leases()).toEqual([]);
    await lease.release();
    await expect(state.unlock('../x')).rejects.toMatchObject({ code: 'USAGE' });
  });
});
