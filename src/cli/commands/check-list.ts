import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { settingsOptions } from '../settings-options.js';

export const checkListCommand = defineCommand({
  path: ['check', 'list'],
  summary: 'The checks there are, with all their versions',
  arguments: {},
  options: { checks: settingsOptions.checks },
  examples: [
    { command: 'lakeledger check list', comment: 'name, version, severity, title' },
    { command: 'lakeledger check list -o json', comment: 'with tags and parameters' },
  ],
  async run(invocation) {
    const { loadChecks } = await import('../../checks/index.js');
    const checks = loadChecks(invocation.options.checks);
    const newest = new Map(checks.map((check) => [check.name, check.version]));
    const rows = checks.map(({ name, version, severity, result, tags, title, params, file }) => ({
      check: name,
      version,
      newest: newest.get(name) === version,
      severity,
      result,
      tags: tags.join(' '),
      title,
      params: Object.keys(params).join(' '),
      file,
    }));
    await writeRows(
      invocation,
      rowsOf(rows, ['check', 'version', 'newest', 'severity', 'result', 'tags', 'title', 'params', 'file']),
    );
    return EXIT.ok;
  },
});
