export { LakeError } from './base/lake-error.js';
export { Lake, type LakeOptions, type RecordOptions, type RecordResult, type SelectOptions } from './lake.js';
