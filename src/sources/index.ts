export { businessDateReader } from './arrivals/business-date.js';
export { assertUnchanged, type Fingerprint, readFingerprint } from './arrivals/fingerprint.js';
export { type ListedFile, type ListRequest, listArrivals } from './arrivals/list-arrivals.js';
export { type FileManifest, type ScanOptions, scanPaths } from './scan-paths.js';
export { writeLakeLayout } from './write-lake-layout.js';
