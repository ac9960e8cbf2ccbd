import { type ListedFile, listArrivals } from '../../sources/index.js';
import type { ResolvedSource } from '../config/source-config.js';

/** The files that a source has now, in its order; `now` in milliseconds since the epoch. Throws what `listArrivals` throws. */
export function listSource(source: ResolvedSource, now: number): Promise<readonly ListedFile[]> {
  const { patterns, root, exclude, arrival, order, businessDate } = source;
  return listArrivals({
    patterns,
    root,
    absolute: source.absolutePaths,
    exclude,
    arrival,
    now,
    order,
    ...(businessDate === undefined ? {} : { businessDate }),
  });
}
