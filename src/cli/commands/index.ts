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
import { tableFilesCommand } from './table-files.js';
import { tableHistoryCommand } from './table-history.js';
import { tableListCommand } from './table-list.js';
import { tableShowCommand } from './table-show.js';
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
  validateCommand,
  doctorCommand,
];

export const commandGroups: CommandGroups = {
  check: 'SQL checks: list, show, run',
  table: 'Delta tables: list, show, history, files',
};
