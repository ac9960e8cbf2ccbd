import type { Command } from '../command.js';
import type { CommandGroups } from '../help-text.js';
import { backfillCommand } from './backfill.js';
import { checkListCommand } from './check-list.js';
import { checkRunCommand } from './check-run.js';
import { checkShowCommand } from './check-show.js';
import { doctorCommand } from './doctor.js';
import { eventsCommand } from './events.js';
import { explainCommand } from './explain.js';
import { ingestCommand } from './ingest.js';
import { initCommand } from './init.js';
import { planCommand } from './plan.js';
import { queryCommand } from './query.js';
import { recordCommand } from './record.js';
import { reprocessCommand } from './reprocess.js';
import { retentionCommand } from './retention.js';
import { retryCommand } from './retry.js';
import { runsListCommand } from './runs-list.js';
import { runsShowCommand } from './runs-show.js';
import { scanCommand } from './scan.js';
import { schemaAcceptCommand } from './schema-accept.js';
import { schemaDiffCommand } from './schema-diff.js';
import { schemaListCommand } from './schema-list.js';
import { schemaShowCommand } from './schema-show.js';
import { stateExportCommand } from './state-export.js';
import { stateGetCommand } from './state-get.js';
import { stateImportCommand } from './state-import.js';
import { stateRebuildCommand } from './state-rebuild.js';
import { stateResetCommand } from './state-reset.js';
import { stateSetCommand } from './state-set.js';
import { stateUnlockCommand } from './state-unlock.js';
import { stateWaiveCommand } from './state-waive.js';
import { statusCommand } from './status.js';
import { tableChangesCommand } from './table-changes.js';
import { tableCheckpointCommand } from './table-checkpoint.js';
import { tableFilesCommand } from './table-files.js';
import { tableHistoryCommand } from './table-history.js';
import { tableListCommand } from './table-list.js';
import { tableOptimizeCommand } from './table-optimize.js';
import { tableRestoreCommand } from './table-restore.js';
import { tableSetCommand } from './table-set.js';
import { tableShowCommand } from './table-show.js';
import { tableVacuumCommand } from './table-vacuum.js';
import { tableVerifyCommand } from './table-verify.js';
import { validateCommand } from './validate.js';
import { verifyCommand } from './verify.js';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  initCommand,
  scanCommand,
  recordCommand,
  ingestCommand,
  backfillCommand,
  planCommand,
  retryCommand,
  reprocessCommand,
  retentionCommand,
  statusCommand,
  runsListCommand,
  runsShowCommand,
  eventsCommand,
  explainCommand,
  verifyCommand,
  stateGetCommand,
  stateSetCommand,
  stateResetCommand,
  stateWaiveCommand,
  stateExportCommand,
  stateImportCommand,
  stateRebuildCommand,
  stateUnlockCommand,
  schemaListCommand,
  schemaShowCommand,
  schemaDiffCommand,
  schemaAcceptCommand,
  queryCommand,
  checkListCommand,
  checkShowCommand,
  checkRunCommand,
  tableListCommand,
  tableShowCommand,
  tableHistoryCommand,
  tableFilesCommand,
  tableSetCommand,
  tableChangesCommand,
  tableOptimizeCommand,
  tableVacuumCommand,
  tableRestoreCommand,
  tableCheckpointCommand,
  tableVerifyCommand,
  validateCommand,
  doctorCommand,
];

export const commandGroups: CommandGroups = {
  runs: 'Runs of ingest: list, show',
  check: 'SQL checks: list, show, run',
  schema: 'Layouts of files: history, changes, what waits to be accepted',
  state: 'State of ingestion: get, set, reset, waive, export, import, rebuild, unlock',
  table: 'Delta tables: what they are and were, changes, upkeep, verification',
};
