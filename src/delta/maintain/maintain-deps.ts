import type { OnProgress } from '../../base/progress.js';
import type { Snapshot } from '../log/snapshot.js';
import type { CommitResult, Stage } from '../write/commit.js';
import type { WriteDeps } from '../write/data-files.js';

/** What maintenance needs of a table. */
export interface MaintainDeps extends WriteDeps {
  /** Commits a stage; losing a race is a value. */
  commit(stage: Stage): Promise<CommitResult>;
  /** The newest snapshot. */
  snapshot(): Promise<Snapshot>;
  readonly onProgress?: OnProgress;
}
