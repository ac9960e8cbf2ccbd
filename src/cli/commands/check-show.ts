import { EXIT } from '../../base/lake-error.js';
import type { Check } from '../../checks/index.js';
import { defineCommand } from '../command.js';
import { escapeControls } from '../render/cells.js';
import { writeObject } from '../results.js';
import { settingsOptions } from '../settings-options.js';

export const checkShowCommand = defineCommand({
  path: ['check', 'show'],
  summary: 'The text of a check: its front matter and its SQL',
  arguments: { check: { describe: 'Name, or name@version', required: true } },
  options: { checks: settingsOptions.checks },
  examples: [
    { command: 'lakeledger check show success_rate', comment: 'the newest version' },
    { command: 'lakeledger check show success_rate@1 -o json', comment: 'an older one, with its fields' },
  ],
  async run(invocation) {
    const { loadChecks, selectChecks } = await import('../../checks/index.js');
    const [check] = selectChecks(loadChecks(invocation.options.checks), { select: [invocation.arguments.check] });
    if (check === undefined) throw new Error('selectChecks found nothing and did not say so');
    await writeObject(invocation, { value: check, text: () => checkText(check) });
    return EXIT.ok;
  },
});

/** The file as it is, so that it can be piped into another tool; the path stands in a comment. */
function checkText(check: Check): string {
  const text = check.text.split('\n').map(escapeControls).join('\n');
  return `-- ${check.name}@${check.version}  ${escapeControls(check.file)}\n${text.endsWith('\n') ? text : `${text}\n`}`;
}
