import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { confirm } from '../../../src/cli/confirm.js';
import type { Invocation } from '../../../src/cli/invocation.js';

function asking(answer: string, { terminal = true, yes = false } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  stdin.end(answer);
  const asked: string[] = [];
  const stderr = { write: (text: string) => asked.push(text) > 0 };
  const invocation = { io: { stdin, stderr }, options: { yes } } as unknown as Invocation;
  return { result: confirm(invocation, 'Delete 3 files?'), asked };
}

describe('confirm', () => {
  it.each([
    ['y\n', true],
    ['YES\n', true],
    ['n\n', false],
    ['\n', false],
    ['yellow\n', false],
    ['', false],
  ])('%j is %s', async (answer, expected) => {
    const { result, asked } = asking(answer);
    expect(await result).toBe(expected);
    expect(asked).toEqual(['Delete 3 files? [y/N] ']);
  });

  it('asks nobody with --yes, and refuses where there is no terminal', async () => {
    const yes = asking('n\n', { yes: true, terminal: false });
    expect([await yes.result, yes.asked]).toEqual([true, []]);
    await expect(asking('y\n', { terminal: false }).result).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  });
});
