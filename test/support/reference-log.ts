import type { Files } from './mutations.js';

/** A log replayed in the plainest way: every file of JSON lines by JSON.parse, the newest action of a thing wins. */

interface Json {
  // biome-ignore lint/suspicious/noExplicitAny: JSON of unknown shape
  [key: string]: any;
}

export interface ReferenceState {
  readonly version: number;
  readonly protocol: Json | undefined;
  readonly metadata: Json | undefined;
  /** Text of what matters of each file, sorted. */
  readonly files: readonly string[];
  readonly txns: readonly string[];
}

interface State {
  protocol?: Json;
  metadata?: Json;
  readonly files: Map<string, Json>;
  readonly txns: Map<string, Json>;
}

function decoded(path: string): string {
  return String(path)
    .replace(/^file:(\/\/(localhost)?(?=\/))?/i, '')
    .replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => {
      try {
        return decodeURIComponent(run);
      } catch {
        return run;
      }
    });
}

function keyOf({ path, deletionVector: dv }: Json): string {
  return JSON.stringify([
    decoded(path),
    dv == null ? null : [dv['storageType'], dv['pathOrInlineDv'], dv['offset'] ?? null],
  ]);
}

/** What two readers of one file must agree on. */
export function fileText(file: Json): string {
  const { path, partitionValues, size, stats, deletionVector: dv, modificationTime } = file;
  const vector =
    dv == null ? null : [dv.storageType, dv.pathOrInlineDv, dv.offset ?? null, dv.sizeInBytes, dv.cardinality];
  return JSON.stringify([path, partitionValues ?? null, size, stats ?? null, vector, modificationTime]);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function apply(state: State, bytes: Uint8Array): void {
  for (const line of decoder.decode(bytes).split('\n')) {
    if (line.trim() === '') continue;
    const action: Json = JSON.parse(line);
    if (action['add'] != null) state.files.set(keyOf(action['add']), action['add']);
    else if (action['remove'] != null) state.files.delete(keyOf(action['remove']));
    else if (action['metaData'] != null) state.metadata = action['metaData'];
    else if (action['protocol'] != null) state.protocol = action['protocol'];
    else if (action['txn'] != null) state.txns.set(action['txn']['appId'], action['txn']);
  }
}

function finish(state: State, version: number): ReferenceState {
  return {
    version,
    protocol: state.protocol,
    metadata: state.metadata,
    files: [...state.files.values()].map(fileText).sort(),
    txns: [...state.txns.values()].map(({ appId, version: v }) => JSON.stringify([appId, v])).sort(),
  };
}

interface Step {
  readonly from: number;
  readonly to: number;
  readonly path: string;
}

/** Every right answer for a log: from its commits, and from what may be read in their place, as far as that can be read at all. */
export function referenceStates(files: Files): ReferenceState[] {
  const steps: Step[] = [];
  const starts: Step[] = [];
  let newest = -1;
  for (const path of files.keys()) {
    const name = path.slice('_delta_log/'.length);
    const commit = /^(\d{20})\.json$/.exec(name);
    const compacted = /^(\d{20})\.(\d{20})\.compacted\.json$/.exec(name);
    const checkpoint = /^(\d{20})\.checkpoint\.[0-9a-f-]{36}\.json$/.exec(name);
    if (commit) steps.push({ from: Number(commit[1]), to: Number(commit[1]), path });
    else if (compacted) steps.push({ from: Number(compacted[1]), to: Number(compacted[2]), path });
    else if (checkpoint) starts.push({ from: -1, to: Number(checkpoint[1]), path });
    newest = Math.max(newest, Number(commit?.[1] ?? checkpoint?.[1] ?? -1));
  }
  const states: ReferenceState[] = [];
  const walk = (next: number, read: readonly string[]): void => {
    if (next > newest) {
      const state: State = { files: new Map(), txns: new Map() };
      try {
        for (const path of read) apply(state, files.get(path)!);
        states.push(finish(state, newest));
      } catch {
        // This way cannot be read.
      }
      return;
    }
    for (const step of steps) if (step.from === next && step.to <= newest) walk(step.to + 1, [...read, step.path]);
  };
  walk(0, []);
  for (const start of starts) walk(start.to + 1, [start.path]);
  return states;
}
