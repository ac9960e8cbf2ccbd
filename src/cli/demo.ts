import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { LakeError } from '../base/lake-error.js';
import { packageRoot, packageVersion } from '../base/package-root.js';
import { runApp } from './app.js';
import { type Io, type Terminal, wantsColor } from './io.js';
import { type Paints, paints } from './render/colors.js';

/** One step: what it is, and the command lines that do it, joined by pipes. */
interface Step {
  readonly title: string;
  readonly says: string;
  readonly pipeline: readonly (readonly string[])[];
  /** A SQL file that the command reads, to be shown with it. */
  readonly sqlFile?: string;
  /** The exit code that belongs to the story; 0 unless told. */
  readonly exitCode?: number;
}

interface Stage {
  /** `--lake DIR`; empty for `./lake`, which is the default. */
  readonly lake: readonly string[];
  readonly delivery: string;
}

const SQL = join('fixtures', 'demo');
/** The second delivery was written down as if its last line had happened at this moment. */
const TOLD_AT = '2026-11-20T09:30:00Z';
/** A file whose story the second delivery tells. */
const STORY = 'shipments/today.json';

function recordSteps({ lake, delivery }: Stage): Step[] {
  const own = ['package.json', 'src', 'sql', 'fixtures', 'docs', 'test'].filter((path) => existsSync(path));
  const record = ['record', '-', ...lake];
  const modules: Step = {
    title: 'More files: the JSON of node_modules',
    says: 'Another source, the same ledger. The size, the time and an estimate of the rows come along.',
    pipeline: [['scan', 'node_modules', '--glob', '*.json', '--source', 'npm/node_modules'], record],
  };
  return [
    {
      title: 'An empty lake',
      says: 'A lake is a folder with Delta tables: the ledger, its event log, rejected manifests, check results.',
      pipeline: [['init', ...lake]],
    },
    {
      title: 'Real files: this checkout',
      says: '"scan" makes a manifest of each file, with the id that git gives its bytes; "record" puts manifests into the ledger.',
      pipeline: [['scan', ...own, '--source', 'lakeledger'], record],
    },
    ...(existsSync('node_modules') ? [modules] : []),
    {
      title: 'What is there now',
      says: 'Every table of the lake has a name, and any SELECT runs.',
      pipeline: [['query', '-f', join(SQL, 'files-by-source.sql'), ...lake]],
      sqlFile: join(SQL, 'files-by-source.sql'),
    },
    {
      title: 'A second delivery, with trouble in it',
      says: 'Failures, retries, a repeated file, a reprocess, and two manifests that are wrong: those are kept aside and make exit code 1.',
      pipeline: [['record', delivery, ...lake]],
      exitCode: 1,
    },
    {
      title: 'The same delivery once more',
      says: 'Nothing is inserted, updated or committed: what was recorded is known by its content.',
      pipeline: [['record', delivery, ...lake]],
      exitCode: 1,
    },
  ];
}

function judgeSteps({ lake }: Stage): Step[] {
  return [
    {
      title: 'The story of one file',
      says: 'Each manifest became one event, and events are never changed.',
      pipeline: [['query', '-f', join(SQL, 'story.sql'), '--param', `path=${STORY}`, ...lake]],
      sqlFile: join(SQL, 'story.sql'),
    },
    {
      title: 'Where every file stands',
      says: 'The canonical table is folded from the events: one row per file, whatever order they came in.',
      pipeline: [['query', '-f', join(SQL, 'statuses.sql'), ...lake]],
      sqlFile: join(SQL, 'statuses.sql'),
    },
    {
      title: 'Is that fine?',
      says: 'Checks are SQL files with thresholds. Each measured value is kept; without --fail-on never, a CI job would stop here.',
      pipeline: [['check', 'run', '--fail-on', 'never', ...lake]],
    },
    {
      title: 'It is all plain Delta',
      says: 'Each table is a folder that DuckDB, Polars, Spark and Databricks open as it is.',
      pipeline: [['table', 'list', ...lake]],
    },
  ];
}

/** The folder `lake` of the checkout if nothing is in it yet and it can be written, else a new one: a lake of yours is never touched. */
function chooseLake(work: string): readonly string[] {
  try {
    accessSync(existsSync('lake') ? 'lake' : '.', constants.W_OK);
    const taken = existsSync('lake') && readdirSync('lake').some((name) => name !== 'README.md' && name[0] !== '.');
    if (!taken) return [];
  } catch {
    // A folder that cannot be looked at or written is not for the demo.
  }
  return ['--lake', join(work, 'lake')];
}

/** The second delivery, moved in time so that its last line happened in this minute. */
function writeDelivery(work: string, now: number): string {
  const shift = Math.floor(now / 60_000) * 60_000 - Date.parse(TOLD_AT);
  const told = readFileSync(join(SQL, 'second-delivery.ndjson'), 'utf8');
  const moved = told.replaceAll(/"pull_ts_utc":"([^"]+)"/g, (_, time: string) => {
    return `"pull_ts_utc":"${new Date(Date.parse(time) + shift).toISOString()}"`;
  });
  const file = join(work, 'second-delivery.ndjson');
  writeFileSync(file, moved);
  return file;
}

function shown(args: readonly string[]): string {
  const words = args.map((arg) => (/^[\w./=:@-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`));
  return ['lakeledger', ...words].join(' ');
}

/** Runs the command lines as a shell would run them with pipes between; the exit code of the last. */
async function runPipeline(pipeline: Step['pipeline'], io: Io): Promise<number> {
  let stdin: Io['stdin'] = io.stdin;
  const codes = pipeline.map((args, i) => {
    const last = i === pipeline.length - 1;
    const pipe = new PassThrough();
    const stdout: Terminal = last ? io.stdout : { write: (text, done) => pipe.write(text, done) };
    // One progress line at a time: that of the end of the pipe.
    const env = last ? io.env : { ...io.env, LAKELEDGER_PROGRESS: 'none' };
    const code = runApp(args, { ...APP, io: { ...io, stdin, stdout, env } }).finally(() => pipe.end());
    stdin = pipe;
    return code;
  });
  const ended = await Promise.all(codes);
  return ended.slice(0, -1).find((code) => code !== 0) ?? ended.at(-1) ?? 0;
}

const APP = {
  now: () => performance.now(),
  time: () => new Date().toISOString(),
  // Ctrl-C ends the demo at once: what is committed stays, what is not was never visible.
  onInterrupt: () => () => undefined,
  interrupted: () => false,
};

function introduce(step: Step, number: number, paint: Paints): string {
  const sql = step.sqlFile === undefined ? [] : readFileSync(step.sqlFile, 'utf8').trimEnd().split('\n');
  return [
    '',
    paint.bold(`${number}  ${step.title}`),
    step.says,
    '',
    paint.cyan(`$ ${step.pipeline.map(shown).join(' | ')}`),
    ...sql.map((line) => paint.dim(`  ${line}`)),
    '',
    '',
  ].join('\n');
}

function farewell({ lake }: Stage, seconds: number, paint: Paints): string {
  const next = [
    [['query', '-f', join(SQL, 'rejected.sql')], 'the manifests that were wrong, with their text'],
    [['query', '-f', join(SQL, 'files-by-source.sql'), '--as-of', '1'], 'the ledger before the second source'],
    [['check', 'show', 'success_rate'], 'the SQL of a check'],
    [['table', 'history', 'metadata.ingestion_manifest', '-o', 'markdown'], 'the commits of the ledger'],
    [['--help'], 'everything else'],
  ] as const;
  const lines = next.map(([args, why]) => {
    const needsLake = args[0] === 'query' || args[0] === 'table';
    return `  ${paint.cyan(`npx ${shown([...args, ...(needsLake ? lake : [])])}`)}\n      ${paint.dim(why)}`;
  });
  const place = lake[1] ?? './lake';
  const remove = lake[1] === undefined ? 'rm -r lake/metadata' : `rm -r ${place}`;
  return [
    '',
    `${paint.green('Done')} in ${seconds.toFixed(1)} s. The lake is in ${place}; "${remove}" removes it.`,
    '',
    paint.bold('Type next'),
    ...lines,
    '',
    '',
  ].join('\n');
}

function ownIo(work: string): Io {
  const config = join(work, 'lakeledger.yaml');
  writeFileSync(config, '# The demo runs with the defaults, whatever this checkout is configured to.\n');
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('LAKELEDGER_'));
  return {
    stdin: Readable.from([]),
    stdout: process.stdout,
    stderr: process.stderr,
    env: { ...Object.fromEntries(env), LAKELEDGER_CONFIG: config },
    cwd: process.cwd(),
  };
}

/** Shows lakeledger on real files, with the commands that a person would type. Returns the exit code. */
async function demo(): Promise<number> {
  process.chdir(packageRoot());
  const started = performance.now();
  const work = mkdtempSync(join(tmpdir(), 'lakeledger-demo-'));
  const io = ownIo(work);
  const paint = paints(wantsColor(io.stdout, io.env, false));
  const stage: Stage = { lake: chooseLake(work), delivery: writeDelivery(work, Date.now()) };
  const say = (text: string) => new Promise((resolve) => io.stdout.write(text, resolve));
  await say(`${paint.bold(`lakeledger ${packageVersion()}`)}: from files to a checked Delta ledger\n`);
  for (const [i, step] of [...recordSteps(stage), ...judgeSteps(stage)].entries()) {
    await say(introduce(step, i + 1, paint));
    const code = await runPipeline(step.pipeline, io);
    if (code !== (step.exitCode ?? 0)) {
      throw new LakeError('DEMO', `step ${i + 1} ended with exit code ${code}, not ${step.exitCode ?? 0}`);
    }
  }
  await say(farewell(stage, (performance.now() - started) / 1000, paint));
  return 0;
}

process.stdout.on('error', () => process.exit(0));
process.exitCode = await demo().catch((error: unknown) => {
  process.stderr.write(`${error instanceof LakeError ? error.message : String(error)}\n`);
  return 3;
});
