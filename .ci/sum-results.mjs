// Sums the results of all suites in a folder: vitest's JSON reports, and a file for each step that failed or was skipped as a whole.
// Its last line is "N passed, N failed, N skipped"; exits with 1 when something failed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '.'] = process.argv.slice(2);
const names = readdirSync(folder).sort();
const total = { passed: 0, failed: 0, skipped: 0 };

function add(name, { passed = 0, failed = 0, skipped = 0 }) {
  process.stdout.write(`${name.padEnd(20)} ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

function countsOf(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests = 0, numTodoTests = 0, success } = report;
  // A file that cannot even be loaded has no tests that could fail.
  const broken = success || failed > 0 ? 0 : Math.max(1, report.numFailedTestSuites);
  return { passed, failed: failed + broken, skipped: numPendingTests + numTodoTests };
}

for (const file of names) {
  const [, name, kind] = /^(.*)\.(json|failed|skipped)$/.exec(file) ?? [];
  if (kind === 'json') add(name, countsOf(join(folder, file)));
  else if (kind === 'skipped') add(name, { skipped: 1 });
  // A step without a report of its own, or one that died before or after its tests.
  else if (kind === 'failed' && !(names.includes(`${name}.json`) && countsOf(join(folder, `${name}.json`)).failed > 0))
    add(name, { failed: 1 });
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
