export {
  type CanonicalManifest,
  type Rejection,
  STATUSES,
  type Status,
} from './canonical.js';
export { manifestJsonSchema } from './json-schema.js';
export { parseManifest } from './parse-manifest.js';
export { type ManifestItem, type ReadManifestsOptions, readManifests } from './read-manifests.js';
