import { randomUUID } from 'node:crypto';
import { usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { LedgerWriter, RecordContext } from '../events/record-events.js';
import { breakLease, listLeases } from '../load/lease.js';
import { type RebuildRequest, type RebuildResult, rebuildState } from '../verify/rebuild.js';
import { type VerifyRequest, type VerifyResult, verifyLake } from '../verify/verify.js';
import { type ResetFile, resetState, type StateSetting, setState } from './state-changes.js';
import { exportState, type ImportResult, importState, parseState } from './state-file.js';
import { type LeaseSummary, leaseSummary, type SourceDetail, summarizeState } from './state-summary.js';
import { setWatermark, type WatermarkChange } from './watermark-changes.js';

/** Who asks; a new run and the user of the process unless told. */
type Asked<T extends RecordContext> = Omit<T, keyof RecordContext> & Partial<RecordContext>;

/** The state of ingestion of a lake: looked at, compared with the data, changed by hand. Every change is an event with its actor and reason. */
export class LakeState {
  readonly #deps: () => Promise<LedgerWriter>;
  readonly #actor: () => string;

  constructor(options: { readonly deps: () => Promise<LedgerWriter>; readonly actor: () => string }) {
    this.#deps = options.deps;
    this.#actor = options.actor;
  }

  /** What is known of each source and target; `names` (of either) choose some. */
  async get(names: readonly string[] = []): Promise<readonly SourceDetail[]> {
    return summarizeState(await this.#deps(), names);
  }

  /** Compares ledger, targets, raw copies and sources; see `verifyLake`. */
  async verify(request: Asked<VerifyRequest>): Promise<VerifyResult> {
    return verifyLake(await this.#deps(), { ...this.#context(), ...request });
  }

  /** Writes what the ledger lacks from the rows of the targets; see `rebuildState`. */
  async rebuild(request: Asked<RebuildRequest> = {}): Promise<RebuildResult> {
    return rebuildState(await this.#deps(), { ...this.#context(), ...request });
  }

  /** Has every loaded file of a source or target loaded again by the next `ingest`; see `resetState`. */
  async reset(
    request: Asked<RecordContext & { readonly name: string; readonly reason: string; readonly dryRun?: boolean }>,
  ): Promise<readonly ResetFile[]> {
    return resetState(await this.#deps(), { ...this.#context(), ...request });
  }

  /** Says by hand up to where a table was read; see `setWatermark`. */
  async setWatermark(change: Asked<WatermarkChange>): ReturnType<typeof setWatermark> {
    return setWatermark(await this.#deps(), { ...this.#context(), ...change });
  }

  /** Says of a file by hand that it is loaded, or that it is never to be. Returns what was written. */
  async set(setting: Asked<StateSetting>): ReturnType<typeof setState> {
    return setState(await this.#deps(), { ...this.#context(), ...setting });
  }

  /** The state as the text of a JSON file, in pieces. */
  async *export(): AsyncGenerator<string> {
    yield* exportState(await this.#deps());
  }

  /** Records the events of the text of such a file; what is known already changes nothing. */
  async import(
    text: string,
    options: Partial<RecordContext> & { readonly dryRun?: boolean } = {},
  ): Promise<ImportResult> {
    return importState(await this.#deps(), parseState(text), { ...this.#context(), ...options });
  }

  /** The leases that are held now. */
  async leases(): Promise<readonly LeaseSummary[]> {
    const { catalog, clock } = await this.#deps();
    return (await listLeases(catalog.store)).map((lease) => leaseSummary(lease, clock.now()));
  }

  /** Takes the lease on a target away from whoever holds it. Undefined when nobody did. */
  async unlock(target: string): Promise<LeaseSummary | undefined> {
    const { catalog, clock } = await this.#deps();
    if (!/^[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*$/.test(target)) {
      throw usageError(`"${target}" is not the name of a target`, {
        hint: didYouMean(
          target,
          (await listLeases(catalog.store)).map(({ name }) => name),
        ),
      });
    }
    const lease = await breakLease(catalog.store, target);
    return lease === undefined ? undefined : leaseSummary(lease, clock.now());
  }

  #context(): RecordContext {
    return { runId: randomUUID(), actor: this.#actor() };
  }
}
