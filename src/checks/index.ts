export { type Check, parseCheckFile } from './check-file.js';
export { checkJsonSchema } from './front-matter.js';
export { type CheckInputs, inspectCheck } from './inspect-check.js';
export { type CheckLock, lockPath, lockProblems, readLock, updateLock } from './lock.js';
export { type CheckSelection, loadChecks, selectChecks } from './registry.js';
export { renderGithub } from './render-github.js';
export { renderJunit } from './render-junit.js';
export { renderChecksMarkdown } from './render-markdown.js';
export { type CheckTableRow, renderChecksTable, verdict } from './render-table.js';
export {
  type CheckFailure,
  type CheckLevel,
  type CheckOutcome,
  type CheckReport,
  type CheckResult,
  exitCodeFor,
  FAIL_ON,
  type FailOn,
} from './report.js';
export type { CheckResultRow } from './result-rows.js';
export { type CheckDeps, type CheckRunOptions, runChecks, type TableVersion } from './run-checks.js';
