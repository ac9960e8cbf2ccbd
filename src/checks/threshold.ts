/** One comparison of a measured value. The level is raised when it is *met*: `error: "< 95"` means below 95 is an error. */
export type Threshold =
  | { readonly text: string; readonly op: '<' | '<=' | '>' | '>=' | '=' | '!='; readonly bound: number }
  | { readonly text: string; readonly op: 'between'; readonly low: number; readonly high: number };

const NUMBER = String.raw`([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)`;
const COMPARISON = new RegExp(`^(<=|>=|!=|<|>|=)\\s*${NUMBER}$`);
const BETWEEN = new RegExp(`^between\\s+${NUMBER}\\s+and\\s+${NUMBER}$`, 'i');

/**
 * Parses `< 95`, `>= 1e3`, `!= 0` or `between 1 and 5` (both ends included, as in SQL).
 * @throws Error whose message says what was expected.
 */
export function parseThreshold(source: string): Threshold {
  const text = source.trim().replaceAll(/\s+/g, ' ');
  const comparison = COMPARISON.exec(text);
  if (comparison !== null) {
    const op = comparison[1] as '<' | '<=' | '>' | '>=' | '=' | '!=';
    return { text, op, bound: finite(comparison[2], text) };
  }
  const between = BETWEEN.exec(text);
  if (between === null) {
    throw new Error(`"${text}" is not a comparison; write one of < <= > >= = != with a number, or "between 1 and 5"`);
  }
  const low = finite(between[1], text);
  const high = finite(between[2], text);
  if (low > high) throw new Error(`"${text}" can never be met: the first bound is above the second`);
  return { text, op: 'between', low, high };
}

function finite(text: string | undefined, whole: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`"${whole}": the number is out of range`);
  return value;
}

/** Whether a value (finite) meets the comparison. */
export function isMet(threshold: Threshold, value: number): boolean {
  switch (threshold.op) {
    case '<':
      return value < threshold.bound;
    case '<=':
      return value <= threshold.bound;
    case '>':
      return value > threshold.bound;
    case '>=':
      return value >= threshold.bound;
    case '=':
      return value === threshold.bound;
    case '!=':
      return value !== threshold.bound;
    case 'between':
      return value >= threshold.low && value <= threshold.high;
  }
}

/**
 * A value for people: two decimals, or as many more as it takes that the text stays on the same side of every threshold
 * (94.996 judged by `< 95` is shown as 94.996, not as 95).
 */
export function valueText(value: number | null, thresholds: readonly (Threshold | undefined)[]): string {
  if (value === null) return 'NULL';
  if (Number.isInteger(value) || Math.abs(value) >= 1e15) return String(value);
  for (let digits = 2; digits <= 12; digits++) {
    const text = String(Number(value.toFixed(digits)));
    const shown = Number(text);
    if (thresholds.every((t) => t === undefined || isMet(t, shown) === isMet(t, value))) return text;
  }
  return String(value);
}
