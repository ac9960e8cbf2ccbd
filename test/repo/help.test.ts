import { describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands/index.js';
import { makeShim, runShell } from '../support/shell-blocks.js';
import { tempFolder } from '../support/temp-folder.js';

// That the examples run is proved in test/cli/examples.test.ts.
describe('every command', () => {
  it.each(commands.map(({ path, examples }) => ({ name: ['lakeledger', ...path].join(' '), examples })))(
    '$name --help ends with two examples of it',
    ({ name, examples }) => {
      const { code, stdout, stderr } = runShell(`${name} --help`, { cwd: tempFolder(), bin: makeShim(tempFolder()) });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const tail = examples.map(({ command, comment }) => `  ${command}\n      ${comment}\n`).join('');
      expect(stdout.endsWith(`Examples:\n${tail}`)).toBe(true);
      for (const { command } of examples) expect(command).toContain(name);
    },
  );
});
