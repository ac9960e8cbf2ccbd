/** Edit distance with transpositions (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The known names that `name` is probably a misspelling of, nearest first, at most three (case and `-`/`_` do not count). */
function nearNames(name: string, known: Iterable<string>): string[] {
  const plain = (text: string) => text.toLowerCase().replaceAll('_', '-');
  const wanted = plain(name);
  return [...known]
    .map((candidate) => {
      const other = plain(candidate);
      const contained = wanted.length >= 3 && (other.includes(wanted) || wanted.includes(other));
      return { candidate, edits: contained ? Math.min(1, distance(wanted, other)) : distance(wanted, other) };
    })
    .filter(({ edits }) => edits <= Math.max(1, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** The known name that `name` is probably a misspelling of, if one is near enough. */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  return nearNames(name, known)[0];
}

/** A hint for an unknown name: `did you mean "x"?`, else what there is. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearNames(name, known);
  if (near.length > 0) return `did you mean ${near.map((n) => `"${n}"`).join(' or ')}?`;
  return known.length === 0 ? 'there are none' : `one of ${known.join(', ')}`;
}
