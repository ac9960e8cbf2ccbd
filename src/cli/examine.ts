import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LakeError, messageOf } from '../base/lake-error.js';
import { findNearest } from '../base/nearest.js';
import { packageVersion } from '../base/package-root.js';
import { hasReference } from '../config.js';
import { LocalStore } from '../storage/local-store.js';
import type { ObjectStore } from '../storage/object-store.js';
import { globalOptions } from './global-options.js';
import type { Invocation } from './invocation.js';
import { envName } from './resolve-options.js';
import { settingsOptions } from './settings-options.js';
import { type TableFacts, tableFacts } from './table-facts.js';

import { withLake } from './with-lake.js';

export interface Probe {
  readonly probe: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail: string | null;
}

/** What `doctor` found. */
export interface Doctor {
  readonly versions: {
    readonly lakeledger: string;
    readonly node: string;
    readonly duckdb: string;
    readonly platform: string;
  };
  readonly config: {
    /** The configuration file that won; null when there is none. */
    readonly file: string | null;
    readonly values: readonly { setting: string; value: string | null; source: string | null; place: string | null }[];
  };
  readonly lake: { readonly path: string; readonly exists: boolean };
  readonly probes: readonly Probe[];
  /** How far the clock of the storage is ahead of this machine's; null when it could not be measured. */
  readonly clock_skew_ms: number | null;
  readonly tables: readonly (Partial<TableFacts> & { readonly table: string; readonly problem: string | null })[];
  readonly warnings: readonly string[];
}

/** Beyond this, times in the ledger would be noticeably wrong. */
const SKEW_LIMIT_MS = 5000;

/** Looks at everything that can be wrong around lakeledger. What fails is part of the result. */
export async function examine(invocation: Invocation): Promise<Doctor> {
  const { options, io } = invocation;
  const path = resolve(io.cwd, options.lake);
  const exists = existsSync(path);
  const probes: Probe[] = [];
  if (invocation.configError !== undefined) {
    probes.push({ probe: 'configuration', ok: false, ms: 0, detail: invocation.configError.message });
  }
  const skew = await probeStorage(new LocalStore(nearestFolder(path)), probes);
  const tables = exists ? await examineTables(invocation, probes) : [];
  return {
    versions: {
      lakeledger: packageVersion(),
      node: process.versions.node,
      duckdb: await duckdbVersion(probes),
      platform: `${process.platform}-${process.arch}`,
    },
    config: { file: invocation.config?.file ?? null, values: settings(invocation) },
    lake: { path, exists },
    probes,
    clock_skew_ms: skew,
    tables,
    warnings: [
      ...(exists ? [] : [`there is no lake yet at ${path}; lakeledger init makes one`]),
      ...(skew !== null && Math.abs(skew) > SKEW_LIMIT_MS ? [`the clock of the storage differs by ${skew} ms`] : []),
      ...unknownVariables(io.env),
    ],
  };
}

/** A lake that is not there yet will be made in the nearest folder that is. */
function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

async function measure(probes: Probe[], probe: string, work: () => Promise<string | undefined>): Promise<boolean> {
  const start = performance.now();
  const done = (ok: boolean, detail: string | undefined) => {
    probes.push({ probe, ok, ms: Math.round((performance.now() - start) * 10) / 10, detail: detail ?? null });
    return ok;
  };
  try {
    return done(true, await work());
  } catch (error) {
    return done(false, messageOf(error));
  }
}

/** Does what a commit does, with a file of its own. Returns the clock skew in milliseconds. */
async function probeStorage(store: ObjectStore, probes: Probe[]): Promise<number | null> {
  const path = `.lakeledger-probe-${randomUUID()}`;
  const data = new TextEncoder().encode(path);
  let skew: number | null = null;
  const wrong = (what: string) => {
    throw new LakeError('STORAGE', what, { place: store.root });
  };
  await measure(probes, 'list', async () => `${(await store.list('')).length} files at ${store.root}`);
  const written = await measure(probes, 'conditional write', async () =>
    (await store.putIfAbsent(path, data)) ? undefined : wrong('a new file was refused'),
  );
  if (!written) return null;
  try {
    await measure(probes, 'conditional write, second time', async () =>
      // A store that takes it would let two writers commit the same version.
      (await store.putIfAbsent(path, data))
        ? wrong('the second write was not refused: commits are not safe here')
        : 'refused',
    );
    await measure(probes, 'read', async () =>
      Buffer.from(await store.get(path)).equals(data) ? undefined : wrong('other bytes came back'),
    );
    await measure(probes, 'write', async () => {
      const before = Date.now();
      await store.put(path, data);
      const meta = await store.findMeta(path);
      if (meta === undefined) return wrong('the file is not there');
      // Nothing is skewed while the time of the file lies between the two readings of the clock, give or take its precision.
      skew = meta.modified < before - 1 ? meta.modified - before : Math.max(0, meta.modified - Date.now());
      return undefined;
    });
  } finally {
    await measure(probes, 'delete', async () => {
      await store.delete(path);
      return (await store.findMeta(path)) === undefined ? undefined : wrong('the file is still there');
    });
  }
  return skew;
}

async function duckdbVersion(probes: Probe[]): Promise<string> {
  let version = 'unknown';
  await measure(probes, 'DuckDB', async () => {
    version = (await import('@duckdb/node-api')).version();
    return version;
  });
  return version;
}

async function examineTables(invocation: Invocation, probes: Probe[]): Promise<Doctor['tables']> {
  let tables: Doctor['tables'] = [];
  await measure(probes, 'tables', async () => {
    tables = await withLake(invocation, async (lake) => {
      const names = await lake.catalog.names();
      return Promise.all(
        names.map(async (table) => {
          try {
            return { table, ...tableFacts(await lake.table(table).snapshot()), problem: null };
          } catch (error) {
            return { table, problem: messageOf(error) };
          }
        }),
      );
    });
    const broken = tables.filter((table) => table.problem !== null).map((table) => table.table);
    if (broken.length > 0) throw new Error(`cannot be read: ${broken.join(', ')}`);
    return `${tables.length} tables`;
  });
  return tables;
}

/** Every setting with the value that won. A reference is shown, never what it stands for. */
function settings({ provenance, config }: Invocation): Doctor['config']['values'] {
  return Object.keys({ ...globalOptions, ...settingsOptions }).map((setting) => {
    const found = provenance[setting];
    if (found === undefined) return { setting, value: null, source: null, place: null };
    const place = found.source === 'config' ? (config?.file ?? null) : found.place;
    return { setting, value: hideCredentials(found.value), source: found.source, place };
  });
}

/** `s3://key:secret@host` → `s3://***@host` */
function hideCredentials(value: string): string {
  return hasReference(value) ? value : value.replace(/(\/\/)[^/@\s]+@/, '$1***@');
}

const PREFIX = 'LAKELEDGER_';

function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.keys({ ...globalOptions, ...settingsOptions }).map((name) => envName(name).slice(PREFIX.length));
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name.slice(PREFIX.length)))
    .flatMap((name) => {
      // The flags of other commands have variables too; only what looks like a slip is worth a word.
      const near = findNearest(name.slice(PREFIX.length), known);
      return near === undefined ? [] : [`${name} is not read; did you mean ${PREFIX}${near}?`];
    });
}
