import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { repositoryRoot } from './repository.js';

/** A fenced block of a Markdown file. Line numbers start at 1. */
interface Fence {
  readonly language: string;
  readonly text: string;
  readonly line: number;
  /** Text between this fence and the one before it. */
  readonly before: string;
}

const FENCE = /^```(\w*)[^\n]*\n([\s\S]*?)^```[ \t]*$/gm;

function fences(markdown: string): Fence[] {
  let end = 0;
  return [...markdown.matchAll(FENCE)].map((match) => {
    const [whole, language = '', text = ''] = match;
    const before = markdown.slice(end, match.index);
    end = match.index + whole.length;
    return { language, text, line: markdown.slice(0, match.index).split('\n').length, before };
  });
}

/** A ```sh block and the ```text block that follows it directly: what it prints. */
export interface ShellExample {
  readonly script: string;
  readonly line: number;
  readonly output: string | undefined;
}

export function shellExamples(markdown: string): ShellExample[] {
  const all = fences(markdown);
  return all.flatMap(({ language, text, line }, i) => {
    if (language !== 'sh') return [];
    const next = all[i + 1];
    const output = next?.language === 'text' && next.before.trim() === '' ? next.text : undefined;
    return [{ script: text, line, output }];
  });
}

/** The file with the output of each example replaced by what it really printed. */
export function withOutputs(markdown: string, outputs: readonly string[]): string {
  let at = 0;
  return markdown.replaceAll(
    /^```sh\n[\s\S]*?^```[ \t]*\n\n```text\n([\s\S]*?)^```|^```sh\n/gm,
    (whole, old?: string) => {
      const output = outputs[at++] ?? '';
      return old === undefined ? whole : `${whole.slice(0, whole.length - 3 - old.length)}${output}\`\`\``;
    },
  );
}

/** A folder with the command `lakeledger`, which is `dist/cli.js`. */
export function makeShim(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const shim = join(folder, 'lakeledger');
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${join(repositoryRoot, 'dist', 'cli.js')}' "$@"\n`);
  chmodSync(shim, 0o755);
  return folder;
}

export interface ShellResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script with `sh -e` in `cwd`; `lakeledger` is the shim in `bin`, and nothing of the caller's settings is seen. */
export function runShell(script: string, { cwd, bin }: { readonly cwd: string; readonly bin: string }): ShellResult {
  const env = Object.entries(process.env).filter(
    ([name]) => !/^(LAKELEDGER_|FORCE_COLOR$|NODE_OPTIONS$|VITEST)/.test(name),
  );
  const result = spawnSync('sh', ['-e', '-c', script], {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...Object.fromEntries(env), PATH: `${bin}${delimiter}${process.env['PATH']}`, LAKELEDGER_PROGRESS: 'none' },
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** Output without what differs from run to run: times, ids, durations, sizes, and the widths they give to columns. */
export function stable(output: string): string {
  return (
    output
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
      .replaceAll(/\d+(\.\d+)? m?s\b/g, '<duration>')
      .replaceAll(/[\d.,]+ (B|kB|MB|GB)\b/g, '<size>')
      // The last column of `table list`: how well Parquet compresses is not for a document to say.
      .replaceAll(/^(metadata\.\w+(?: +\d+){3}) +\d+$/gm, '$1 <size>')
      .replaceAll(/part-\S+\.parquet/g, '<file>')
      .replaceAll(/─+/g, '─')
      .replaceAll(/[ \t]+/g, ' ')
      .replaceAll(/ $/gm, '')
  );
}

/** What the examples of a Markdown file print, run in order in one folder. Throws at the first that fails. */
export function runExamples(path: string, at: { readonly cwd: string; readonly bin: string }): string[] {
  const markdown = readFileSync(join(repositoryRoot, path), 'utf8');
  // A program that has the package installed finds it here.
  mkdirSync(join(at.cwd, 'node_modules'), { recursive: true });
  symlinkSync(repositoryRoot, join(at.cwd, 'node_modules', 'lakeledger'));
  return shellExamples(markdown).map(({ script, line }) => {
    const { code, stdout, stderr } = runShell(script, at);
    if (code !== 0) throw new Error(`${path}:${line} ended with exit code ${code}\n${stdout}${stderr}`);
    return stdout;
  });
}
