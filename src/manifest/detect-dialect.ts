import type { Dialect } from './canonical.js';
import type { Fields } from './fields.js';

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Which dialect a JSON object is written in, by its shape; what looks like none is judged as a file manifest (R1). */
export function detectDialect(value: Fields): Dialect {
  if ('file_sha' in value) return 'file';
  if (isObject(value.records) && (isObject(value.metadata) || !('run_id' in value))) return 'register';
  return 'run_id' in value || 'runId' in value || 'outputs' in value ? 'run' : 'file';
}
