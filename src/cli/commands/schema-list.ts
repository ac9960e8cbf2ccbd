import { EXIT } from '../../base/lake-error.js';
import type { SchemaVersion } from '../../ingest/schema/index.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { historyDeps } from '../schema-target.js';
import { withLake } from '../with-lake.js';

const DATASETS = ['dataset', 'versions', 'columns', 'pending', 'last_file', 'last_seen_at'];
const VERSIONS = ['version', 'status', 'columns', 'first_file', 'last_file', 'first_date', 'last_date', 'changes'];

export const schemaListCommand = defineCommand({
  path: ['schema', 'list'],
  summary: 'The layouts that the files of each dataset came with, and what waits to be accepted',
  arguments: { dataset: { describe: 'A bronze table: every version of its layout, with what changed' } },
  options: {},
  examples: [
    { command: 'lakeledger schema list', comment: 'every dataset' },
    { command: 'lakeledger schema list -o json', comment: 'the same as JSON' },
  ],
  async run(invocation) {
    const { dataset } = invocation.arguments;
    const { driftWords, newestVersion, readSchemaHistory, schemaVersions } = await import(
      '../../ingest/schema/index.js'
    );
    const rows = await withLake(invocation, async (lake) => {
      const deps = await historyDeps(lake);
      if (dataset !== undefined) return (await schemaVersions(deps, dataset)).map(versionRow(driftWords));
      return datasetRows(await readSchemaHistory(deps), newestVersion);
    });
    await writeRows(invocation, rowsOf(rows, dataset === undefined ? DATASETS : VERSIONS));
    return EXIT.ok;
  },
});

type Schema = typeof import('../../ingest/schema/index.js');

function datasetRows(history: readonly SchemaVersion[], newestVersion: Schema['newestVersion']): object[] {
  const datasets = [...new Set(history.map(({ dataset }) => dataset))];
  return datasets.map((dataset) => {
    const versions = history.filter((version) => version.dataset === dataset);
    const newest = newestVersion(versions);
    return {
      dataset,
      versions: versions.length,
      columns: newest?.columns.length ?? 0,
      pending: versions.filter(({ status }) => status === 'pending').length,
      last_file: newest?.lastFile ?? null,
      last_seen_at: newest?.lastSeenAt ?? null,
    };
  });
}

/** A version in a line; what changed is told against each layout whose files its own came after. */
function versionRow(driftWords: Schema['driftWords']): (version: SchemaVersion) => object {
  return (version) => {
    const changes = version.drifts.flatMap((drift) =>
      drift.from === null ? [] : [`since ${drift.from}: ${driftWords(drift).join('; ')}`],
    );
    return {
      version: version.version,
      status: version.status,
      columns: version.columns.length,
      first_file: version.firstFile,
      last_file: version.lastFile,
      first_date: version.firstBusinessDate,
      last_date: version.lastBusinessDate,
      changes: changes.length === 0 ? null : changes.join(' | '),
    };
  };
}
