const TOKEN = /\*\*\/|\*\*|\*|\?|\[!?\]?[^\]]*\]|\{[^{}]*\}|[^*?[{]+|[[{]/g;

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function tokenSource(token: string): string {
  if (token === '**/') return '(?:.*/)?';
  if (token === '**') return '.*';
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (token.length > 1 && token.startsWith('{')) {
    return `(?:${token.slice(1, -1).split(',').map(globSource).join('|')})`;
  }
  if (token.length > 1 && token.startsWith('[')) {
    const inner = token.slice(1, -1);
    const negated = inner.startsWith('!');
    return `[${negated ? '^' : ''}${(negated ? inner.slice(1) : inner).replaceAll(/[\\\][^]/g, '\\$&')}]`;
  }
  return escaped(token);
}

function globSource(pattern: string): string {
  return pattern.replaceAll(TOKEN, tokenSource);
}

/**
 * A glob as a test of relative paths with `/`: `*` and `?` stay within a name, `**` crosses folders, `[a-z]`, `[!a]`, `{a,b}`.
 * A pattern without `/` is tried on the name alone, as in `.gitignore`.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const expression = new RegExp(`^${globSource(pattern.replace(/^\.?\//, ''))}$`, 'su');
  if (pattern.includes('/')) return (path) => expression.test(path);
  return (path) => expression.test(path.slice(path.lastIndexOf('/') + 1));
}
