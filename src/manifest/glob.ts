const MAGIC = /[*?[{]/;

/** True when a path holds glob characters. */
export function hasGlob(path: string): boolean {
  return MAGIC.test(path);
}

/** `a{b,c}d` → `abd`, `acd`; braces nest. A brace without a partner is an ordinary character. */
function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{');
  if (open < 0) return [pattern];
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < pattern.length; i++) {
    const char = pattern[i];
    if (char === '{') depth++;
    else if (char === '}') depth--;
    if ((char === ',' && depth === 1) || depth === 0) {
      parts.push(pattern.slice(from, i));
      from = i + 1;
    }
    if (depth === 0) break;
  }
  if (depth !== 0) return [pattern];
  return parts.flatMap((part) => expandBraces(pattern.slice(0, open) + part + pattern.slice(from)));
}

/** A path segment as a regular expression: `*`, `?`, `[a-z]`, `[!a]`. `*` and `?` do not match a leading dot. */
function segmentRegExp(segment: string): RegExp {
  const tokens = /\*+|\?|\[!?\]?[^\]]*\]|[^*?[]+|\[/g;
  const body = segment.replaceAll(tokens, (token) => {
    if (token.startsWith('*')) return '[^/]*';
    if (token === '?') return '[^/]';
    if (!token.startsWith('[') || token === '[') return token.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    const inner = token.slice(1, -1);
    const negated = inner.startsWith('!');
    return `[${negated ? '^' : ''}${(negated ? inner.slice(1) : inner).replaceAll(/[\\\][^]/g, '\\$&')}]`;
  });
  return new RegExp(`^${/^[*?]/.test(segment) ? '(?!\\.)' : ''}${body}$`, 'su');
}

/** One step of a pattern: a name to match, or `**` for any number of folders. */
export type GlobStep = RegExp | '**';

/** A pattern split for walking: the folder to start in and the steps below it. Braces give several. */
export function parseGlob(pattern: string): { readonly base: string; readonly steps: readonly GlobStep[] }[] {
  return expandBraces(pattern).map((one) => {
    const segments = one.split('/');
    const first = segments.findIndex(hasGlob);
    const split = first < 0 ? segments.length - 1 : first;
    const base = segments.slice(0, split).join('/');
    const steps = segments.slice(split).filter((s) => s !== '' && s !== '.');
    return {
      base: base === '' ? (one.startsWith('/') ? '/' : '.') : base,
      steps: steps.map((s) => (s === '**' ? '**' : segmentRegExp(s))),
    };
  });
}
