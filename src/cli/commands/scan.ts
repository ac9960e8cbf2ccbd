import { EXIT, usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { FileManifest, ScanOptions } from '../../sources/index.js';
import { defineCommand } from '../command.js';
import type { Invocation } from '../invocation.js';
import { rowWriter } from '../render/row-writer.js';
import { fieldLines, rowStyle, rowsOf, withSink, writeObject } from '../results.js';

/** Manifests written at once. */
const CHUNK = 500;

/** The keys of a file manifest, in the order of its document. */
const KEYS = [
  ...['file_sha', 'source', 'path', 'pull_ts_utc', 'size_bytes', 'row_count_estimate', 'target_backend', 'dest_path'],
  ...['ingest_date', 'status', 'notes', 'reprocess'],
] as const;
const NUMBERS = new Set(['size_bytes', 'row_count_estimate']);

export const scanCommand = defineCommand({
  path: ['scan'],
  summary: 'Make manifests of files on disk or in a git checkout',
  arguments: { paths: { describe: 'Files and folders', required: true, many: true } },
  options: {
    source: { type: 'text', value: 'OWNER/REPO', describe: 'Where the files come from (default: the remote "origin")' },
    glob: { type: 'text', value: 'PATTERN', describe: "Only files like this, e.g. '*.csv'" },
    into: { type: 'text', value: 'DIR', describe: 'Write each manifest to its place in the lake layout below DIR' },
    'target-backend': { type: 'text', value: 'NAME', describe: 'What target_backend says', default: 'LOCAL' },
    status: { type: 'text', value: 'STATUS', describe: 'What status says', default: 'INGESTED' },
  },
  ownFormat: 'ndjson',
  examples: [
    { command: 'lakeledger scan .', comment: 'one manifest a line: blob sha, size, rows, time' },
    {
      command: "lakeledger scan . --glob '*.csv' --source acme/data --into inbox",
      comment: 'as files, ready for record',
    },
  ],
  async run(invocation) {
    const { options, log, progress } = invocation;
    const status = options.status.toUpperCase();
    const { STATUSES } = await import('../../manifest/index.js');
    if (!(STATUSES as readonly string[]).includes(status)) {
      throw usageError(`"${options.status}" is no status`, { place: '--status', hint: didYouMean(status, STATUSES) });
    }
    let failed = 0;
    const request: ScanOptions = {
      targetBackend: options['target-backend'],
      status,
      ...(options.source === undefined ? {} : { source: options.source }),
      ...(options.glob === undefined ? {} : { glob: options.glob }),
      onProgress: (done, path) => progress.report({ phase: 'scan', done, unit: 'files', detail: path }),
      onProblem: (problem) => {
        failed++;
        log.warn(`${problem.message}${problem.place === undefined ? '' : ` (${problem.place})`}`);
      },
    };
    const { scanPaths } = await import('../../sources/index.js');
    const manifests = scanPaths(invocation.arguments.paths, request);
    if (options.into === undefined) await writeManifests(invocation, manifests);
    else await writeFiles(invocation, { manifests, into: options.into, failed: () => failed });
    return failed > 0 ? EXIT.data : EXIT.ok;
  },
});

async function writeManifests(invocation: Invocation, manifests: AsyncIterable<FileManifest>): Promise<void> {
  const [target] = invocation.outputs;
  await withSink(invocation, target, async (sink) => {
    const writer = rowWriter(target.format, sink, rowStyle(invocation, target));
    await writer.begin(KEYS.map((name) => ({ name, type: NUMBERS.has(name) ? 'BIGINT' : 'VARCHAR' })));
    let ready: FileManifest[] = [];
    const flush = async () => {
      await writer.rows(rowsOf(ready, KEYS).rows);
      ready = [];
    };
    for await (const manifest of manifests) {
      ready.push(manifest);
      if (ready.length >= CHUNK) await flush();
      if (sink.closed) break;
    }
    await flush();
    await writer.end();
  });
}

interface Files {
  readonly manifests: AsyncIterable<FileManifest>;
  readonly into: string;
  readonly failed: () => number;
}

async function writeFiles(invocation: Invocation, { manifests, into, failed }: Files): Promise<void> {
  const { writeLakeLayout } = await import('../../sources/index.js');
  let written = 0;
  let unchanged = 0;
  for await (const manifest of manifests) {
    if (await writeLakeLayout(into, manifest)) written++;
    else unchanged++;
  }
  const value = { into, written, unchanged, failed: failed() };
  // The manifests are in the files; a person gets the summary, a script that asks for a format gets that.
  const asked = invocation.options.output.length > 0;
  await writeObject(asked ? invocation : { ...invocation, outputs: [{ format: 'table', file: undefined }] }, {
    value,
    text: (style) => fieldLines(value, style),
  });
}
