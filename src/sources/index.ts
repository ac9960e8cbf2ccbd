export { businessDateReader } from './arrivals/business-date.js';
export { assertUnchanged, type Fingerprint, readFingerprint } from './arrivals/fingerprint.js';
export { type ListedFile, type ListRequest, listArrivals } from './arrivals/list-arrivals.js';
export type {
  ExtractedColumn,
  ExtractFrom,
  Extraction,
  ExtractRequest,
  PostgresConnection,
  SourceDescription,
} from './postgres/model.js';
export { extractTable, openPostgres, type PostgresSession } from './postgres/postgres-session.js';
export type { PulledRows } from './postgres/pulled-rows.js';
export { rowFingerprint } from './postgres/row-fingerprint.js';
export { type FileManifest, type ScanOptions, scanPaths } from './scan-paths.js';
export type { SftpConnection } from './sftp/connection.js';
export { openSftp, type SftpSession } from './sftp/sftp-session.js';
export { writeLakeLayout } from './write-lake-layout.js';
