const STEPS: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
];

/** `2 d 4 h`, `5 min`, `12 s`: seconds in the two largest units that say something. */
export function durationText(seconds: number): string {
  const at = STEPS.findIndex(([, size]) => seconds >= size);
  const [unit, size] = STEPS[at] ?? ['s', 1];
  const whole = Math.floor(seconds / size);
  const [nextUnit, nextSize] = STEPS[at + 1] ?? ['s', 1];
  const rest = at === 0 || at === 1 ? Math.floor((seconds - whole * size) / nextSize) : 0;
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${nextUnit}`;
}
