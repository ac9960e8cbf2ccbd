import { hostname } from 'node:os';
import { LakeError } from '../../base/lake-error.js';
import type { OnProgress } from '../../base/progress.js';
import type { LakeCatalog } from '../../ledger/index.js';
import type { FileEvents } from '../events/read-events.js';
import type { LedgerWriter, RecordContext } from '../events/record-events.js';
import { isLeaseAlive, readLease } from '../load/lease.js';
import { findOpenTries } from '../load/open-tries.js';
import { rebuildState } from './rebuild.js';
import { findTargets, readTarget, statesBySource, type TargetReading } from './target-reading.js';
import { verifyChecksums } from './verify-checksums.js';
import { verifyFiles } from './verify-files.js';
import type { VerifyFinding } from './verify-finding.js';
import { verifyLoads } from './verify-loads.js';

export type { VerifyFinding } from './verify-finding.js';

export interface VerifyRequest extends RecordContext {
  /** Targets or sources; all when empty. */
  readonly names?: readonly string[];
  /** `full` also reads every byte: data files, row numbers, raw copies, sources. */
  readonly depth: 'light' | 'full';
  /** Writes what the ledger lacks from what is in the targets; never touches data. */
  readonly repair?: boolean;
  readonly onProgress?: OnProgress;
}

/** One target as it was looked at; the keys are those of the command line. */
export interface VerifiedTarget {
  readonly target: string;
  /** Version that was read; null when there is no such table. */
  readonly version: number | null;
  readonly sources: readonly string[];
  /** Contents of paths that have rows in it. */
  readonly files: number;
  readonly rows: number;
  readonly findings: number;
}

export interface VerifyResult {
  readonly depth: 'light' | 'full';
  /** Whether nothing is wrong; findings of level `info` and repaired ones do not count. */
  readonly clean: boolean;
  readonly targets: readonly VerifiedTarget[];
  readonly findings: readonly VerifyFinding[];
  /** Events that the repair wrote. */
  readonly events: number;
}

type Finding = Omit<VerifyFinding, 'target'>;

/** Whether somebody is at work on a target now. */
async function isRunning({ catalog, clock }: LedgerWriter, target: string): Promise<boolean> {
  const lease = await readLease(catalog.store, target);
  return lease !== undefined && isLeaseAlive(lease, hostname(), clock.now());
}

async function openBatches(deps: LedgerWriter, reading: TargetReading): Promise<Finding[]> {
  const findings: Finding[] = [];
  const open = findOpenTries(reading);
  const running = open.length > 0 && (await isRunning(deps, reading.target));
  for (const { event, committed, rows } of open) {
    const { source, path, sha, runId, batch } = event;
    const done = committed && rows !== null;
    findings.push({
      kind: 'open_batch',
      level: running ? 'info' : 'error',
      source,
      path,
      sha,
      expected: 'INGESTED',
      found: 'PROCESSING',
      message: running
        ? `run ${runId} is at work on it (batch ${batch})`
        : `run ${runId} began with it (batch ${batch}) and ended before it could say how it went; ${done ? 'its rows are in the target' : 'nothing of it is in the target'}`,
      hint: running
        ? null
        : done
          ? '"verify --repair" or the next "ingest" completes it'
          : 'the next "ingest" takes it again',
      repaired: false,
    });
  }
  return findings;
}

async function deltaFindings(catalog: LakeCatalog, target: string, onProgress?: OnProgress): Promise<Finding[]> {
  const { findings } = await catalog.table(target).verify({ deep: true }, onProgress);
  return findings.map(({ kind, path, message }) => ({
    kind: 'delta',
    level: 'error',
    source: null,
    path,
    sha: null,
    expected: null,
    found: kind,
    message,
    hint: `"lakeledger table verify ${target} --deep" says more; restore the file from a backup`,
    repaired: false,
  }));
}

/** What the ledger has of a target whose table is gone or has no lineage. */
function tableFindings({ target, snapshot, states, groups }: TargetReading): Finding[] {
  if (snapshot !== undefined && groups.length > 0) return [];
  const loads = [...states.values()].flatMap((some) => some.paths().flatMap((path) => some.loads(path)));
  const rows = loads.reduce((sum, load) => sum + (load.rows ?? 0), 0);
  if (rows === 0 || snapshot !== undefined) return [];
  return [
    {
      kind: 'missing_in_bronze',
      level: 'error',
      source: loads[0]?.source ?? null,
      path: null,
      sha: null,
      expected: rows,
      found: null,
      message: `there is no table ${target}; the ledger has ${loads.length.toLocaleString('en')} files in it`,
      hint: `restore its folder from a backup, or "state reset ${target}" and ingest the files again`,
      repaired: false,
    },
  ];
}

interface Tried {
  readonly reading: TargetReading;
  /** Why the target could not be read; the reading then has what the ledger says. */
  readonly problem: LakeError | undefined;
}

async function tryRead(
  deps: LedgerWriter,
  target: string,
  options: { readonly ledger: FileEvents; readonly distinct: boolean },
): Promise<Tried> {
  try {
    return { reading: await readTarget(deps, target, options), problem: undefined };
  } catch (error) {
    if (!(error instanceof LakeError) || !/^(DATA_FILE|DELTA)_/.test(error.code)) throw error;
    const events = options.ledger.events.filter((event) => event.target === target);
    const states = statesBySource(events);
    const nothing = { snapshot: undefined, groups: [], batches: new Map(), notes: [] };
    return { reading: { ...nothing, target, events, states, seq: options.ledger.version }, problem: error };
  }
}

function unreadable(target: string, problem: LakeError): Finding {
  return {
    kind: 'delta',
    level: 'error',
    source: null,
    path: problem.place ?? null,
    sha: null,
    expected: null,
    found: problem.code,
    message: problem.message,
    hint: problem.hint ?? `lakeledger table verify ${target} --deep`,
    repaired: false,
  };
}

/** What the rows say, or why nobody can read them. */
function rowFindings({ reading, problem }: Tried): Finding[] {
  if (problem !== undefined) return [unreadable(reading.target, problem)];
  const gone = tableFindings(reading);
  return gone.length > 0 ? gone : verifyLoads(reading.states.values(), reading.groups);
}

async function verifyTarget(deps: LedgerWriter, request: VerifyRequest, tried: Tried): Promise<Finding[]> {
  const { reading, problem } = tried;
  const { target, snapshot, states } = reading;
  const full = request.depth === 'full';
  const findings = rowFindings(tried);
  if (problem === undefined) findings.push(...(await openBatches(deps, reading)));
  for (const some of states.values()) {
    findings.push(...(await verifyFiles(some, { store: deps.catalog.store, full })));
  }
  if (full && problem === undefined) findings.push(...(await verifyChecksums(deps, reading)));
  if (full && (snapshot ?? problem) !== undefined)
    findings.push(...(await deltaFindings(deps.catalog, target, request.onProgress)));
  return findings;
}

async function look(deps: LedgerWriter, request: VerifyRequest): Promise<Omit<VerifyResult, 'events' | 'clean'>> {
  const { depth, onProgress } = request;
  const { names, ledger } = await findTargets(deps, request.names);
  const targets: VerifiedTarget[] = [];
  const findings: VerifyFinding[] = [];
  for (const [i, target] of names.entries()) {
    onProgress?.({ phase: 'check', done: i, total: names.length, unit: 'tables', detail: target });
    const { reading, problem } = await tryRead(deps, target, { ledger, distinct: depth === 'full' });
    const found = await verifyTarget(deps, request, { reading, problem });
    findings.push(...found.map((finding) => ({ ...finding, target })));
    targets.push({
      target,
      version: reading.snapshot?.version ?? null,
      sources: [...reading.states.keys()].sort(),
      files: new Set(reading.groups.map(({ path, sha }) => `${sha}\n${path}`)).size,
      rows: reading.groups.reduce((sum, { rows }) => sum + rows, 0),
      findings: found.length,
    });
  }
  return { depth, targets, findings };
}

function identity({ kind, target, path, sha, message }: VerifyFinding): string {
  return JSON.stringify([kind, target, path, sha, message]);
}

/** What is left after a repair stays as it is; what is not there any more was repaired. */
function afterRepair(before: readonly VerifyFinding[], after: readonly VerifyFinding[]): VerifyFinding[] {
  const left = new Set(after.map(identity));
  const repaired = before.filter((finding) => !left.has(identity(finding)));
  return [...repaired.map((finding) => ({ ...finding, repaired: true })), ...after];
}

/**
 * Compares the ledger with the rows of its targets, the raw copies and the sources. With `repair` the ledger is brought in line
 * with the targets, and a second look tells what that changed; rows and files are never touched.
 */
export async function verifyLake(deps: LedgerWriter, request: VerifyRequest): Promise<VerifyResult> {
  let seen = await look(deps, request);
  let events = 0;
  // Nothing can be said of a target that nobody can read.
  const names = seen.targets.flatMap(({ target, version }) => (version === null ? [] : [target]));
  const wrong = seen.findings.some(({ level }) => level === 'error');
  if (request.repair === true && wrong && names.length > 0) {
    events = (await rebuildState(deps, { ...request, names })).events;
    if (events > 0) {
      const again = await look(deps, request);
      seen = { ...again, findings: afterRepair(seen.findings, again.findings) };
    }
  }
  const clean = !seen.findings.some(({ level, repaired }) => level === 'error' && !repaired);
  return { ...seen, clean, events };
}
