export {
  type CanonicalManifest,
  type Rejection,
  STATUSES,
  type Status,
} from './canonical.js';
export { manifestJsonSchema } from './json-schema.js';
export { parseManifest } from './parse-manifest.js';
export { type ManifestItem, type ReadManifestsOptions, readManifests } from './read-manifests.js';
export { RegisterFactory, type RegisterOptions } from './registers/register-factory.js';
export type {
  DownloadEvent,
  RegisterManager,
  RegisterSource,
  RegisterType,
  RegisterUpdate,
} from './registers/register-manager.js';
export { registerName } from './registers/register-name.js';
export type { RegisterRecord } from './registers/register-record.js';
export {
  type RegisterHealth,
  type RegisterScan,
  type RegisterState,
  scanRegisters,
} from './registers/scan-registers.js';
