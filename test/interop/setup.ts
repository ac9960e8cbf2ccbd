import { missingTools } from './installed.js';

/** Says why suites are skipped when another engine is not installed; in CI that is a failure. */
export default function setup(): void {
  const missing = missingTools();
  if (missing.length === 0) return;
  const reason = `not installed: ${missing.join(', ')}`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`interop suites skipped: ${reason}\n`);
}
