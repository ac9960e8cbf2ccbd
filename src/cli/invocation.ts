import type { LoadedConfig } from '../config.js';
import type { GlobalOptions } from './global-options.js';
import type { Io } from './io.js';
import type { Log } from './log.js';
import type { ArgumentSpecs, ArgumentValues, OptionSpecs, OptionValues } from './option-spec.js';
import type { OutputTarget } from './output-target.js';
import type { Progress } from './progress.js';
import type { Provenance } from './resolve-options.js';

/** Everything a command gets. */
export interface Invocation<O extends OptionSpecs = OptionSpecs, A extends ArgumentSpecs = ArgumentSpecs> {
  readonly options: OptionValues<O> & OptionValues<GlobalOptions>;
  readonly arguments: ArgumentValues<A>;
  /** Where results go; at least one. */
  readonly outputs: readonly [OutputTarget, ...OutputTarget[]];
  /** Where each value came from. */
  readonly provenance: Provenance;
  readonly config: LoadedConfig | undefined;
  /** Set when the configuration file is wrong and the command tolerates that. */
  readonly configError: Error | undefined;
  readonly io: Io;
  readonly log: Log;
  readonly progress: Progress;
  /** Puts the values of `${env:…}` and `${file:…}` into a text of the configuration file; they are redacted from then on. */
  readonly resolveReference: (text: string) => Promise<string>;
  /** Called with what must be stopped or tidied up when the process is interrupted; returns how to take it back. */
  onInterrupt(stop: () => unknown): () => void;
}
