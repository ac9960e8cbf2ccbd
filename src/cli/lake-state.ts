import type { LakeState } from '../ingest/manage/lake-state.js';
import type { Invocation } from './invocation.js';
import { withLake } from './with-lake.js';

/** Opens the lake for work on the state of its ingestion. */
export function withLakeState<T>(invocation: Invocation, work: (state: LakeState) => Promise<T>): Promise<T> {
  return withLake(invocation, async (lake) => work(await lake.state()));
}
