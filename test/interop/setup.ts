import { findPython } from './delta-rs.js';

/** Says why the suite is skipped when delta-rs is not installed; in CI that is a failure. */
export default function setup(): void {
  if (findPython() !== undefined) return;
  const reason = 'delta-rs is not installed: run test/interop/setup-python.sh';
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`interop suite skipped: ${reason}\n`);
}
