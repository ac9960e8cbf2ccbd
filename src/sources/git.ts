import { spawn } from 'node:child_process';
import { LakeError } from '../base/lake-error.js';

/** A file of a checkout. `sha` is the blob id that git has for it; null when the file on disk is something else (changed, untracked). */
export interface CheckoutFile {
  /** Relative to the top of the checkout, with `/`. */
  readonly path: string;
  readonly sha: string | null;
}

export interface Checkout {
  /** Folder at the top of the work tree. */
  readonly root: string;
  /** Where the folder that was asked about lies below `root`: empty or ending with `/`. */
  readonly prefix: string;
}

// Nothing that a foreign checkout configures may run, and nothing is written into it.
const SAFE = ['--no-optional-locks', '--literal-pathspecs', '-c', 'core.fsmonitor=false', '-c', 'core.quotePath=false'];

interface Failure {
  readonly code: number | null;
  readonly stderr: string;
}

/** Without what a git hook sets: those would point git to another repository. */
function gitEnvironment(): NodeJS.ProcessEnv {
  const { GIT_DIR, GIT_WORK_TREE, GIT_INDEX_FILE, GIT_PREFIX, ...rest } = process.env;
  return { ...rest, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_PAGER: 'cat' };
}

/** Runs git in `folder` and yields what it prints, cut at NUL. Ending the iteration early stops git. */
async function* gitRecords(folder: string, args: readonly string[]): AsyncGenerator<string> {
  const child = spawn('git', [...SAFE, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: gitEnvironment(),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(0, 4000);
  });
  const ended = new Promise<Failure>((resolve) => {
    child.once('error', (error) => resolve({ code: null, stderr: error.message }));
    child.once('close', (code) => resolve({ code, stderr }));
  });
  let rest = '';
  let finished = false;
  try {
    for await (const text of child.stdout.setEncoding('utf8')) {
      const parts = (rest + text).split('\0');
      rest = parts.pop() ?? '';
      yield* parts;
    }
    finished = true;
  } finally {
    if (!finished) child.kill();
  }
  const { code, stderr: message } = await ended;
  if (code !== 0) throw gitError(folder, message);
  if (rest !== '') yield rest;
}

function gitError(folder: string, stderr: string): LakeError {
  const message = stderr.trim().split('\n')[0] ?? '';
  const hint = stderr.includes('safe.directory')
    ? 'tell git that you trust this checkout: git config --global --add safe.directory FOLDER'
    : undefined;
  return new LakeError('GIT', `git could not read the checkout: ${message}`, {
    place: folder,
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * The checkout that a folder lies in; undefined when it lies in none or git is not installed. Rejects with a `LakeError` of code `GIT`
 * when git refuses to look, as it does in folders of other users: their files would get other ids and times without a word.
 */
export async function findCheckout(folder: string): Promise<Checkout | undefined> {
  try {
    const root = await revParse(folder, '--show-toplevel');
    return root === '' ? undefined : { root, prefix: await revParse(folder, '--show-prefix') };
  } catch (error) {
    const text = error instanceof LakeError ? error.message : '';
    if (/not a git repository|ENOENT|must be run in a work tree/.test(text)) return undefined;
    throw error;
  }
}

async function revParse(folder: string, what: string): Promise<string> {
  let text = '';
  for await (const part of gitRecords(folder, ['rev-parse', what])) text += part;
  return text.replace(/\n$/, '');
}

/** The regular files of a checkout below a path (`''`: all), tracked ones and untracked ones that are not ignored, in order of path. */
export async function listCheckout(root: string, below: string): Promise<CheckoutFile[]> {
  const scope = below === '' ? [] : ['--', below];
  const files = new Map<string, string | null>();
  for await (const record of gitRecords(root, ['ls-files', '--stage', '-z', ...scope])) {
    const [meta = '', path = ''] = splitOnce(record, '\t');
    const [mode = '', sha = '', stage] = meta.split(' ');
    if (mode.startsWith('100')) files.set(path, stage === '0' ? sha : null);
  }
  const status = ['status', '--porcelain=v2', '-z', '--untracked-files=all', '--no-renames', '--ignore-submodules=all'];
  for await (const record of gitRecords(root, [...status, ...scope])) {
    const [kind, states = ''] = record.split(' ', 2);
    if (kind === '?' && !record.endsWith('/')) files.set(record.slice(2), null);
    else if (kind === '1') {
      const path = record.split(' ').slice(8).join(' ');
      if (states[1] === 'D') files.delete(path);
      else if (states[1] !== '.' && files.has(path)) files.set(path, null);
    }
  }
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([path, sha]) => ({ path, sha }));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/**
 * The time of the last commit of each path, in seconds since the epoch; a path that no listed commit names (it came with a merge) has the time of HEAD.
 * One pass over the history, which ends as soon as every path is found.
 */
export async function commitTimes(root: string, below: string, paths: readonly string[]): Promise<Map<string, number>> {
  const missing = new Set(paths);
  const times = new Map<string, number>();
  const args = ['log', '-z', '--format=%x00%ct', '--name-only', '--no-renames', '--no-show-signature'];
  let time = 0;
  let next: 'time' | 'first' | 'path' = 'path';
  if (missing.size > 0) {
    for await (const record of gitRecords(root, [...args, ...(below === '' ? [] : ['--', below])])) {
      if (record === '') next = 'time';
      else if (next === 'time') {
        time = Number(record);
        next = 'first';
      } else {
        const path = next === 'first' ? record.replace(/^\n/, '') : record;
        next = 'path';
        if (missing.delete(path)) times.set(path, time);
      }
      if (missing.size === 0) break;
    }
  }
  if (missing.size > 0) {
    for await (const head of gitRecords(root, ['log', '-1', '-z', '--format=%ct'])) {
      for (const path of missing) times.set(path, Number(head));
    }
  }
  return times;
}

/** `owner/repo` out of a remote URL of any form, never its user, password or host; undefined when it has no path. */
export function sourceOfUrl(url: string): string | undefined {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(url);
  const isScp = !isUrl && /^[^/\\]+:(?!\\)/.test(url);
  let path = url;
  if (isUrl) path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '');
  else if (isScp) path = url.slice(url.indexOf(':') + 1);
  const parts = path
    .replace(/[?#].*$/s, '')
    .replace(/[\\/]+$/, '')
    .replace(/\.git$/, '')
    .split(/[\\/]/)
    .filter((part) => part !== '' && part !== '.' && part !== '..');
  const local = !isUrl && !isScp;
  return (local || url.startsWith('file:') ? parts.slice(-1) : parts).join('/') || undefined;
}

/** `owner/repo` of the remote `origin`, if there is one. */
export async function originSource(root: string): Promise<string | undefined> {
  try {
    for await (const url of gitRecords(root, ['config', '-z', '--get', 'remote.origin.url'])) return sourceOfUrl(url);
  } catch {
    // git config ends with 1 when the key is not set
  }
  return undefined;
}
