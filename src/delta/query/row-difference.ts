import { type RowRange, type RowSet, rowRanges } from '../protocol/row-set.js';

/** The rows of `rows` that are not in `others`, as ranges in order. */
export function* rowDifference(rows: RowSet, others: RowSet): Generator<RowRange> {
  const taken = rowRanges(others);
  let next = taken.next();
  for (const range of rowRanges(rows)) {
    let start = range.start;
    while (next.done !== true && next.value.start < range.end) {
      if (next.value.end <= start) {
        next = taken.next();
        continue;
      }
      if (next.value.start > start) yield { start, end: next.value.start };
      start = Math.min(range.end, next.value.end);
      // A taken range that goes on beyond this one matters to the next as well.
      if (next.value.end > range.end) break;
      next = taken.next();
    }
    if (start < range.end) yield { start, end: range.end };
  }
}
