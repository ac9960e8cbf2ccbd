import type { Command } from '../command.js';
import type { CommandGroups } from '../help-text.js';
import { checkListCommand } from './check-list.js';
import { checkRunCommand } from './check-run.js';
import { checkShowCommand } from './check-show.js';
import { doctorCommand } from './doctor.js';
import { initCommand } from './init.js';
import { queryCommand } from './query.js';
import { recordCommand } from './record.js';
import { scanCommand } from './scan.js';
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

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  initCommand,
  scanCommand,
  recordCommand,
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
  check: 'SQL checks: list, show, run',
  table: 'Delta tables: what they are and were, changes, upkeep, verification',
};
