export { FileStage } from './file-stage.js';
export type { FileColumn, FormatOptions, StagedFile, StagedGroup } from './model.js';
export { literalName } from './stage-tables.js';
