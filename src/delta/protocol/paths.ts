/** File names in the log. They are URI-encoded there: `add.path` is decoded exactly once, and the result is the file's name. */

const HIVE_NULL = '__HIVE_DEFAULT_PARTITION__';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what Hive escapes
const HIVE_ESCAPED = /[\u0000-\u001f\u007f"#%'*/:=?\\{[\]^]/g;
// What java.net.URI quotes in a path: controls, spaces of every script and the ASCII that RFC 2396 does not allow.
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const URI_QUOTED = /[\u0000-\u0020\u007f-\u00a0"#%<>?[\\\]^`{|}\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;
const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]*:/;
const ESCAPES = /(?:%[0-9a-fA-F]{2})+/g;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `add.path` for a file at `relative` (below the table, `/` between folders), in the form that Spark and Hadoop write. */
export function encodePath(relative: string): string {
  const quoted = relative.replaceAll(URI_QUOTED, encodeURIComponent);
  // Without this `a:b.parquet` would read as a URI of scheme `a`.
  return SCHEME.test(quoted) ? quoted.replace(':', '%3A') : quoted;
}

/** The file name in an `add.path`: one decoding; `%` sequences that are malformed or no UTF-8 are kept as they are. */
export function decodePath(path: string): string {
  return path.replaceAll(ESCAPES, (run) => {
    try {
      return utf8.decode(Uint8Array.from(run.slice(1).split('%'), (hex) => Number.parseInt(hex, 16)));
    } catch {
      return run;
    }
  });
}

/** Whether an `add.path` (still encoded) is a URI with a scheme or starts with a slash, as shallow clones write. */
export function isAbsolutePath(path: string): boolean {
  return path.startsWith('/') || SCHEME.test(path);
}

/**
 * Where the file of an `add.path` is: relative paths below `root`, absolute ones as they are. A `file:` URI becomes a plain
 * path; other URIs keep scheme and host.
 */
export function resolveDataPath(root: string, path: string): string {
  if (!isAbsolutePath(path)) return `${root.replace(/\/+$/, '')}/${decodePath(path)}`;
  return decodePath(path.replace(/^file:(?:\/\/(?:localhost)?(?=\/))?/i, ''));
}

/** The folder of a partition, `a=1/b=x%2Fy`, escaped as Hive and Spark do. Null and the empty string are the same partition. */
export function partitionFolder(columns: readonly string[], values: Readonly<Record<string, string | null>>): string {
  return columns.map((column) => `${escapeHive(column)}=${escapeHive(values[column] || HIVE_NULL)}`).join('/');
}

function escapeHive(name: string): string {
  return name.replaceAll(HIVE_ESCAPED, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
