import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  loadChecks,
  lockPath,
  lockProblems,
  parseCheckFile,
  readLock,
  selectChecks,
  updateLock,
} from '../../../src/checks/index.js';

function checkText(name: string, version: number, tags = '[own]'): string {
  return `/* @check
name: ${name}
version: ${version}
title: Own
severity: warn
result: rows
warn: "> 0"
tags: ${tags}
@check */
SELECT 1 WHERE false`;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checks-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const ids = (checks: readonly { name: string; version: number }[]): string[] =>
  checks.map((check) => `${check.name}@${check.version}`);

describe('shipped checks', () => {
  it('are all there, with their versions', () => {
    expect(ids(loadChecks())).toEqual([
      'duplicate_shas@1',
      'failures_and_retries@1',
      'latest_ingests@1',
      'success_last_n_runs@1',
      'success_rate@1',
      'success_rate@2',
    ]);
    expect(loadChecks().every((check) => check.shipped && check.file.startsWith('sql/checks/'))).toBe(true);
  });

  it('are as released: write a new version instead of changing one', () => {
    if (process.env.UPDATE_CHECK_LOCK === '1') {
      writeFileSync(lockPath(), `${JSON.stringify(updateLock(loadChecks(), readLock()), null, 2)}\n`);
    }
    expect(lockProblems(loadChecks(), readLock())).toEqual([]);
  });

  it('the lock sees a changed, a missing and a new file, and is never changed where it stands', () => {
    const checks = loadChecks();
    const lock = readLock();
    const [first] = checks;
    const changed = parseCheckFile(`${first!.text}-- edited\n`, first!.file, { shipped: true });
    expect(lockProblems([changed, ...checks.slice(1)], lock)).toEqual([
      'duplicate_shas/v1.sql was released and has changed; write a new version instead',
    ]);
    expect(lockProblems(checks.slice(1), lock)).toEqual(['duplicate_shas/v1.sql was released and is gone']);
    const added = parseCheckFile(checkText('added', 1), 'sql/checks/added/v1.sql', { shipped: true });
    expect(lockProblems([...checks, added], lock)).toEqual(['added/v1.sql is not in the lock']);
    expect(() => updateLock([changed, ...checks.slice(1)], lock)).toThrow('has changed');
    expect(updateLock([...checks, added], lock)).toEqual({ ...lock, 'added/v1.sql': added.sha256 });
    expect(readFileSync(lockPath(), 'utf8')).toBe(`${JSON.stringify(lock, null, 2)}\n`);
  });
});

describe('own checks', () => {
  it('lie flat or in a folder of versions; twins and other files are not checks', () => {
    write('one.sql', checkText('one', 4));
    write('two/v1.sql', checkText('two', 1));
    write('two/v10.sql', checkText('two', 10));
    write('two/v9.sql', checkText('two', 9));
    write('two/v9.spark.sql', 'not a check');
    write('README.md', 'not a check');
    const own = loadChecks(folder).filter((check) => !check.shipped);
    expect(ids(own)).toEqual(['one@4', 'two@1', 'two@9', 'two@10']);
    expect(own[0]!.file).toBe(`${folder.replaceAll('\\', '/')}/one.sql`);
    expect(lockProblems(loadChecks(folder), readLock())).toEqual([]);
    expect(ids(selectChecks(own))).toEqual(['one@4', 'two@10']);
  });

  it('may be a newer version of a shipped one, not the same', () => {
    write('success_rate.sql', checkText('success_rate', 3));
    expect(ids(selectChecks(loadChecks(folder), { select: ['success_rate'] }))).toEqual(['success_rate@3']);
    write('success_rate.sql', checkText('success_rate', 2));
    expect(() => loadChecks(folder)).toThrow('success_rate@2 exists already in sql/checks/success_rate/v2.sql');
  });

  it('a path that disagrees with the front matter, and a folder that is not there, are errors', () => {
    write('one.sql', checkText('other', 1));
    expect(() => loadChecks(folder)).toThrow('"name" is other, the path says one');
    write('one.sql', checkText('one', 1));
    write('two/v2.sql', checkText('two', 1));
    expect(() => loadChecks(folder)).toThrow('"version" is 1, the path says 2');
    expect(() => loadChecks(join(folder, 'missing'))).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('selection', () => {
  it('takes the newest version, or the one that is named, each once', () => {
    const checks = loadChecks();
    const pick = (...select: string[]): string[] => ids(selectChecks(checks, { select }));
    expect(pick('success_rate')).toEqual(['success_rate@2']);
    expect(pick('success_rate@1')).toEqual(['success_rate@1']);
    expect(pick('success_rate@v1')).toEqual(['success_rate@1']);
    expect(pick('success_rate@2', 'success_rate', 'duplicate_shas')).toEqual(['duplicate_shas@1', 'success_rate@2']);
    expect(ids(selectChecks(checks))).not.toContain('success_rate@1');
    expect(selectChecks(checks)).toHaveLength(5);
  });

  it('filters by tag', () => {
    const checks = loadChecks();
    expect(ids(selectChecks(checks, { tag: ['ci'] }))).not.toContain('latest_ingests@1');
    expect(ids(selectChecks(checks, { tag: ['daily', 'ci'] }))).toHaveLength(5);
    expect(ids(selectChecks(checks, { select: ['latest_ingests', 'duplicate_shas'], tag: ['ci'] }))).toEqual([
      'duplicate_shas@1',
    ]);
  });

  it.each([
    [{ select: ['sucess_rate'] }, 'there is no check "sucess_rate"', 'did you mean "success_rate"?'],
    [{ select: ['duplicate'] }, 'there is no check "duplicate"', 'did you mean "duplicate_shas"?'],
    [{ select: ['zzz'] }, 'there is no check "zzz"', 'one of duplicate_shas, failures_and_retries'],
    [{ select: ['success_rate@3'] }, 'has no version "3"', 'success_rate@1, success_rate@2'],
    [{ select: ['success_rate@'] }, 'has no version ""', 'success_rate@1'],
    [{ select: ['success_rate@1@2'] }, 'has no version', 'success_rate@1'],
    [{ tag: ['dialy'] }, 'no check has the tag "dialy"', 'did you mean "daily"?'],
  ])('%o is a usage error with near names', (selection, message, hint) => {
    expect(() => selectChecks(loadChecks(), selection)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
        exitCode: 2,
      }),
    );
  });
});
