import { shortSha } from '../plan/decide.js';
import type { FileStates } from '../plan/state.js';
import { type LoadPair, pairLoads } from './compare-loads.js';
import type { LoadedGroup } from './loaded-groups.js';
import type { VerifyFinding } from './verify-finding.js';

type Finding = Omit<VerifyFinding, 'target'>;

const REPROCESS = (pair: { readonly path: string }): string =>
  `"lakeledger reprocess ${pair.path} --reason TEXT" loads the file again in place of its rows`;
const REBUILD = '"verify --repair" or "state rebuild" writes what is there into the ledger';

function countText(count: number): string {
  return `${count.toLocaleString('en')} row${count === 1 ? '' : 's'}`;
}

function about(pair: LoadPair, kind: VerifyFinding['kind'], words: { message: string; hint: string }): Finding {
  const event = pair.loads.at(-1) ?? pair.everLoaded;
  return {
    kind,
    level: 'error',
    source: event?.source ?? null,
    path: pair.path,
    sha: pair.sha,
    expected: pair.loads.length === 0 ? 0 : pair.expected,
    found: pair.found,
    ...words,
    repaired: false,
  };
}

function runsOf(pair: LoadPair): string {
  const runs = [...new Set(pair.groups.map(({ runId }) => runId ?? 'no run'))];
  return runs.length === 1 ? `run ${runs[0]}` : `runs ${runs.join(', ')}`;
}

function unexpected(pair: LoadPair): Finding {
  const rows = countText(pair.found);
  if (pair.everLoaded === undefined) {
    const message = `${rows} of ${shortSha(pair.sha)} (${runsOf(pair)}), the ledger knows nothing of them`;
    return about(pair, 'not_in_ledger', { message, hint: REBUILD });
  }
  const message = `${rows} of ${shortSha(pair.sha)} are still there, other bytes took their place in the ledger`;
  return about(pair, 'superseded_still_there', { message, hint: REPROCESS(pair) });
}

/** A load whose rows are there twice: a run more than the ledger counts brought them. */
function isDoubled(pair: LoadPair): boolean {
  if (pair.expected === null || pair.expected === 0 || pair.found <= pair.expected) return false;
  return pair.found % pair.expected === 0 || new Set(pair.groups.map(({ runId }) => runId)).size > pair.loads.length;
}

function wrongCount(pair: LoadPair): Finding {
  const { expected, found } = pair;
  const counts = `${countText(found)} of ${shortSha(pair.sha)}, the ledger says ${(expected ?? 0).toLocaleString('en')}`;
  const message = isDoubled(pair) ? `${counts}: they are there more than once (${runsOf(pair)})` : counts;
  return about(pair, isDoubled(pair) ? 'doubled' : 'row_count', { message, hint: REPROCESS(pair) });
}

function findingOf(pair: LoadPair): Finding | undefined {
  const { expected, found, loads } = pair;
  if (loads.length === 0) return found > 0 ? unexpected(pair) : undefined;
  // Somebody said by hand that it is loaded, and not how many rows it has.
  if (expected === null || expected === found) return undefined;
  if (found > 0) return wrongCount(pair);
  const message = `the ledger says ${countText(expected)} of ${shortSha(pair.sha)} are loaded, none are there`;
  return about(pair, 'missing_in_bronze', { message, hint: REPROCESS(pair) });
}

/** Rows that have the same row number as another of their file and run, or none. */
function repeatedRows(group: LoadedGroup): Finding[] {
  const { distinctRows, rows, path, sha, runId } = group;
  if (distinctRows === null || distinctRows === rows || path === null || sha === null) return [];
  const message = `${countText(rows)} of ${shortSha(sha)} (run ${runId}) have only ${distinctRows.toLocaleString('en')} different row numbers`;
  return [
    {
      kind: 'doubled',
      level: 'error',
      source: null,
      path,
      sha,
      expected: distinctRows,
      found: rows,
      message,
      hint: REPROCESS({ path }),
      repaired: false,
    },
  ];
}

/** Rows that do not say which file they are of: somebody else wrote them. */
function strangers(groups: readonly LoadedGroup[]): Finding[] {
  const rows = groups.reduce((sum, group) => sum + (group.path === null || group.sha === null ? group.rows : 0), 0);
  if (rows === 0) return [];
  return [
    {
      kind: 'not_in_ledger',
      level: 'error',
      source: null,
      path: null,
      sha: null,
      expected: 0,
      found: rows,
      message: `${countText(rows)} without _file_sha or _source_path: something else than "ingest" wrote them`,
      hint: 'delete them, or move them to a table of their own: nobody can say which file they are of',
      repaired: false,
    },
  ];
}

/** Compares what the ledger says is loaded into a target with the rows that are there. Pure. */
export function verifyLoads(sources: Iterable<FileStates>, groups: readonly LoadedGroup[]): Finding[] {
  const pairs = pairLoads(sources, groups);
  const findings = pairs.flatMap((pair) => findingOf(pair) ?? []);
  // A file that is there twice is said once.
  const doubled = new Set(findings.flatMap(({ kind, path, sha }) => (kind === 'doubled' ? `${sha}\n${path}` : [])));
  // A transform may make several rows of one.
  const transformed = new Set(
    pairs.flatMap(({ path, sha, loads }) => (loads.some(({ detail }) => detail['transform']) ? `${sha}\n${path}` : [])),
  );
  const repeated = groups
    .filter(({ path, sha }) => !doubled.has(`${sha}\n${path}`) && !transformed.has(`${sha}\n${path}`))
    .flatMap(repeatedRows);
  return [...findings, ...repeated, ...strangers(groups)];
}
