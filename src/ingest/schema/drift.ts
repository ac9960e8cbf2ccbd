/** A column of a layout, by its published name. */
export interface LayoutColumn {
  readonly name: string;
  /** What its values are; undefined when nothing is known. Columns of different types are not the same under another name. */
  readonly type?: string;
  /** What the file says its type is; undefined for formats without types. */
  readonly fileType?: string;
}

export interface Retyped {
  readonly column: string;
  readonly from: string;
  readonly to: string;
}

/** What changed from one layout to the next. */
export interface Drift {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly retyped: readonly Retyped[];
  /** Columns that both have stand in another order. */
  readonly reordered: boolean;
  /** A column went and another came that is probably the same; they are not among `added` and `removed`. */
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
}

interface Placed extends LayoutColumn {
  /** How many columns of both layouts stand before it. */
  readonly before: number;
  /** Which one it is among the unmatched between two columns of both. */
  readonly rank: number;
}

/** Columns that the other layout does not have, placed among those of both. */
function unmatched(columns: readonly LayoutColumn[], others: ReadonlySet<string>): Placed[] {
  let before = 0;
  let rank = 0;
  const found: Placed[] = [];
  for (const column of columns) {
    if (others.has(column.name)) {
      before++;
      rank = 0;
    } else found.push({ ...column, before, rank: rank++ });
  }
  return found;
}

function words(name: string): string[] {
  return name
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** From 0 to 1: how much of the words or of the beginning two names share. */
function similarity(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  let same = 0;
  while (same < Math.min(x.length, y.length) && x[same] === y[same]) same++;
  const prefix = same / Math.min(x.length, y.length);
  const [left, right] = [new Set(words(a)), new Set(words(b))];
  const common = [...left].filter((word) => right.has(word)).length;
  const share = (2 * common) / Math.max(1, left.size + right.size);
  // One is the short form of the other: lat, latitudine.
  return Math.max(share, same >= 3 ? prefix : 0);
}

function likeness(from: Placed, to: Placed): number {
  if (from.type !== undefined && to.type !== undefined && from.type !== to.type) return 0;
  const alike = similarity(from.name, to.name);
  const samePlace = from.before === to.before && from.rank === to.rank;
  return alike < 0.5 && !samePlace ? 0 : alike + (samePlace ? 1 : 0);
}

/** Pairs of a column that went and one that came, the likest first. */
function probableRenames(removed: readonly Placed[], added: readonly Placed[]): { from: string; to: string }[] {
  const pairs = removed.flatMap((from) => added.map((to) => ({ from, to, score: likeness(from, to) })));
  const chosen: { from: Placed; to: Placed }[] = [];
  for (const { from, to, score } of pairs.sort((a, b) => b.score - a.score)) {
    if (score > 0 && !chosen.some((pair) => pair.from === from || pair.to === to)) chosen.push({ from, to });
  }
  return removed.flatMap((from) => {
    const to = chosen.find((pair) => pair.from === from)?.to;
    return to === undefined ? [] : [{ from: from.name, to: to.name }];
  });
}

/** Compares two layouts by published names; types when the files of both have them. */
export function classifyDrift(previous: readonly LayoutColumn[], next: readonly LayoutColumn[]): Drift {
  const [before, after] = [new Set(previous.map(({ name }) => name)), new Set(next.map(({ name }) => name))];
  const [removed, added] = [unmatched(previous, after), unmatched(next, before)];
  const renamed = probableRenames(removed, added);
  const types = new Map(previous.map(({ name, fileType }) => [name, fileType]));
  const retyped = next.flatMap(({ name, fileType: to }): Retyped[] => {
    const from = types.get(name);
    return from === undefined || to === undefined || from === to ? [] : [{ column: name, from, to }];
  });
  const order = (columns: readonly LayoutColumn[], others: ReadonlySet<string>) =>
    columns.flatMap(({ name }) => (others.has(name) ? [name] : []));
  return {
    added: added.flatMap(({ name }) => (renamed.some(({ to }) => to === name) ? [] : [name])),
    removed: removed.flatMap(({ name }) => (renamed.some(({ from }) => from === name) ? [] : [name])),
    retyped,
    reordered: JSON.stringify(order(previous, after)) !== JSON.stringify(order(next, before)),
    renamed,
  };
}

function quoted(names: readonly string[]): string {
  return names.map((name) => (name === '' ? '(without a name)' : name)).join(', ');
}

/** What changed, a line for each kind. */
export function driftWords(drift: Drift): string[] {
  const lines = [
    ...drift.renamed.map(({ from, to }) => `probably renamed: ${quoted([from])} → ${quoted([to])}`),
    ...drift.retyped.map(({ column, from, to }) => `retyped: ${column} from ${from} to ${to}`),
  ];
  if (drift.removed.length > 0) lines.unshift(`removed: ${quoted(drift.removed)}`);
  if (drift.added.length > 0) lines.unshift(`added: ${quoted(drift.added)}`);
  if (drift.reordered) lines.push('the columns stand in another order');
  return lines;
}
