export { FileStage } from './file-stage.js';
export type { FormatOptions, StagedFile, StagedGroup } from './model.js';
