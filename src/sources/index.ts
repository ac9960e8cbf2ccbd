export { type FileManifest, type ScanOptions, scanPaths } from './scan-paths.js';
export { writeLakeLayout } from './write-lake-layout.js';
