import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Session } from '../../src/duckdb/session.js';
import { columns, sql, tableIn } from '../support/delta.js';

const CHILD = fileURLToPath(new URL('delta-child.mjs', import.meta.url));
const ACCOUNTS = 64;
const TOTAL = ACCOUNTS * 100;

/** What a child says it has done, or with `start` is about to do. */
export interface Done {
  readonly kind: string;
  readonly start?: boolean;
  readonly version?: number;
  readonly committed?: boolean;
  readonly commits?: readonly number[];
  readonly note?: number;
  readonly gone?: number;
  readonly rows?: number;
  readonly total?: number;
}

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly done: readonly Done[];
  readonly stderr: string;
}

export interface ChildOptions {
  readonly writer: number;
  readonly seed: number;
  /** 0: until it is killed. */
  readonly operations: number;
  readonly role?: 'write' | 'checkpoint';
  /** Sends SIGKILL so many milliseconds after it has said so many things. */
  readonly kill?: { readonly words: number; readonly delay: number };
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs a process that works on the table in `folder` to its end, or to its kill. */
export function runChild(folder: string, options: ChildOptions): Promise<ChildResult> {
  const { writer, seed, operations, role = 'write', kill, onStart } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder, ...[writer, seed, operations].map(String), role]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (bytes) => {
      stdout += bytes;
    });
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    child.stdin.on('error', () => undefined);
    let timer: NodeJS.Timeout | undefined;
    child.stdout.on('data', () => {
      if (kill === undefined || timer !== undefined || stdout.split('\n').length <= kill.words) return;
      timer = setTimeout(() => child.kill('SIGKILL'), kill.delay);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      // A line that the kill cut off was not said.
      const lines = stdout.split('\n').slice(0, -1);
      resolve({ code, signal, done: lines.map((line) => JSON.parse(line)), stderr });
    });
    onStart?.(child);
  });
}

export type TableProperties = Readonly<Record<string, string>>;

export async function createAccounts(folder: string, session: Session, properties: TableProperties): Promise<void> {
  const table = tableIn(folder, session);
  await table.create({
    schema: columns({ id: 'BIGINT', amount: 'BIGINT', part: 'INTEGER' }),
    partitionColumns: ['part'],
    configuration: { 'delta.checkpointInterval': '7', ...properties },
  });
  await table.append(sql(`SELECT range AS id, 100 AS amount, range % 4 AS part FROM range(${ACCOUNTS})`));
}

interface FileAction {
  readonly path: string;
  readonly deletionVector?: { readonly pathOrInlineDv: string; readonly offset?: number } | null;
}

function keyOf({ path, deletionVector }: FileAction): string {
  return deletionVector ? `${path} ${deletionVector.pathOrInlineDv} ${deletionVector.offset ?? ''}` : path;
}

export interface CommitFacts {
  readonly version: number;
  readonly txnId: string;
  readonly writer: string;
  readonly operation: string;
  readonly live: ReadonlySet<string>;
}

/**
 * The log by JSON.parse alone. Throws for what two writers who did not see each other leave behind: a file removed twice or
 * never added, or added while it is there.
 */
export function readLog(folder: string): CommitFacts[] {
  const log = join(folder, '_delta_log');
  const names = readdirSync(log).filter((name) => /^\d{20}\.json$/.test(name));
  let live = new Set<string>();
  let time = 0;
  return names.sort().map((name, version) => {
    expect(Number(name.slice(0, 20))).toBe(version);
    const actions = readFileSync(join(log, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    live = new Set(live);
    for (const { remove } of actions) {
      if (remove && !live.delete(keyOf(remove)))
        throw new Error(`${name} removes ${keyOf(remove)}, which is not there`);
    }
    for (const { add } of actions) {
      if (!add) continue;
      const twice = [...live].find((key) => key.split(' ')[0] === add.path);
      if (twice !== undefined) throw new Error(`${name} adds ${keyOf(add)} beside ${twice}`);
      live.add(keyOf(add));
    }
    const info = actions.find((action) => action.commitInfo).commitInfo;
    if (info.inCommitTimestamp !== undefined) {
      expect(info.inCommitTimestamp).toBeGreaterThan(time);
      time = info.inCommitTimestamp;
    }
    return { version, txnId: info.txnId, writer: info.engineInfo, operation: info.operation, live };
  });
}

/** Every version from `from` on has every account once, the whole total, and no note twice. */
export async function expectTotals(folder: string, session: Session, from = 1): Promise<void> {
  const table = tableIn(folder, session);
  const { version: newest } = await table.snapshot();
  for (let version = from; version <= newest; version++) {
    const snapshot = await table.snapshot({ version });
    const relation = await table.scan({ slot: 'accounts', snapshot, files: snapshot.files });
    const [row] = await session.rows(
      `SELECT count(*) FILTER (id < ${ACCOUNTS}) AS accounts, sum(amount)::BIGINT AS total, count(*) - count(DISTINCT id) AS twice FROM (${relation}) AS t`,
    );
    expect([version, Number(row?.['accounts']), Number(row?.['total']), Number(row?.['twice'])]).toEqual([
      version,
      ACCOUNTS,
      TOTAL,
      0,
    ]);
  }
}

/** The notes of one writer each; those that all may insert are left out. */
export async function notesIn(folder: string, session: Session): Promise<Set<number>> {
  const table = tableIn(folder, session);
  const snapshot = await table.snapshot();
  const relation = await table.scan({ slot: 'notes', snapshot, files: snapshot.files });
  const rows = await session.rows(`SELECT id FROM (${relation}) AS t WHERE id >= 900_000`);
  return new Set(rows.map((row) => Number(row['id'])));
}

/** What a checkpoint says is what the commits below it say, at every version. */
export async function expectCheckpointsRight(folder: string, session: Session, log: readonly CommitFacts[]) {
  const table = tableIn(folder, session);
  const copy = `${folder}-checkpoints`;
  const names = readdirSync(join(folder, '_delta_log'));
  const versions = [
    ...new Set(names.filter((name) => name.includes('.checkpoint.')).map((name) => Number(name.slice(0, 20)))),
  ];
  for (const version of versions) {
    const snapshot = await table.snapshot({ version });
    expect(snapshot.checkpointVersion, `checkpoint of version ${version}`).toBe(version);
    const keys = snapshot.files.map((file) => keyOf(file as FileAction)).sort();
    expect(keys, `checkpoint of version ${version}`).toEqual([...(log[version]?.live ?? [])].sort());
  }
  // A `_last_checkpoint` that is older than the newest checkpoint, or names one that is not there, changes nothing.
  const newest = (await table.snapshot()).files.map((file) => file.path).sort();
  for (const version of [...versions.slice(0, 3), 999_999]) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(folder, copy, { recursive: true });
    const hint = JSON.stringify({ version, size: 1 });
    writeFileSync(join(copy, '_delta_log/_last_checkpoint'), hint);
    expect((await tableIn(copy, session).snapshot()).files.map((file) => file.path).sort()).toEqual(newest);
  }
  rmSync(copy, { recursive: true, force: true });
  return versions.length;
}
