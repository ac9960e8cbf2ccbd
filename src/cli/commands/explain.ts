import { EXIT } from '../../base/lake-error.js';
import type { Story } from '../../ingest/report/explain.js';
import { defineCommand } from '../command.js';
import { configuredSources } from '../configured-sources.js';
import { type Rows, rowsOf, writeObject } from '../results.js';
import { withLake } from '../with-lake.js';

export const explainCommand = defineCommand({
  path: ['explain'],
  summary: 'The story of a file: what came when, what was decided and why, what is in the target now',
  arguments: {
    subject: { describe: 'A path, the beginning of a sha, or source:YYYY-MM-DD', required: true },
  },
  options: {},
  examples: [
    { command: 'lakeledger explain data/orders/2026-03-01.csv', comment: 'one file, in words' },
    { command: 'lakeledger explain orders:2026-03-01 -o json', comment: 'all files of a business date, as data' },
  ],
  async run(invocation) {
    const { subject } = invocation.arguments;
    const { explain } = await import('../../ingest/report/explain.js');
    const { storyText } = await import('../story-text.js');
    const policies = new Map(configuredSources(invocation).map((source) => [source.name, source]));
    const story = await withLake(invocation, async (lake) => {
      const deps = { session: await lake.session(), catalog: lake.catalog };
      return explain(deps, { subject, now: Date.now(), policyOf: (source) => policies.get(source) });
    });
    if (story.files.length === 0) {
      const others = 'lakeledger events shows what else the ledger was told';
      invocation.log.note(`no ingested file is named by "${subject}"; ${others}`);
    }
    await writeObject(invocation, { value: story, text: (style) => storyText(story, style), rows: stepRows(story) });
    return EXIT.ok;
  },
});

function stepRows({ files }: Story): Rows {
  const rows = files.flatMap(({ source, target, path, steps }) =>
    steps.map(({ evidence, diff, ...step }) => ({
      source,
      target,
      path,
      ...step,
      evidence: JSON.stringify(evidence),
      diff: diff === null ? null : JSON.stringify(diff),
    })),
  );
  const columns = ['source', 'target', 'path', 'at', 'sha', 'status', 'action', 'rule', 'reason', 'rows', 'attempt'];
  return rowsOf(rows, [...columns, 'error', 'next_retry_at', 'reprocess', 'open', 'run_id', 'evidence', 'diff']);
}
