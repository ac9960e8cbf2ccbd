import type { CanonicalManifest } from '../../src/manifest/index.js';
import { parseManifest } from '../../src/manifest/parse-manifest.js';

/** The canonical rows of one manifest; it must be valid. */
export function parseManifestText(text: string): CanonicalManifest[] {
  return parseManifest(JSON.parse(text), text).map((part) => {
    if ('manifest' in part) return part.manifest;
    throw new Error(`not valid: ${JSON.stringify(part)}`);
  });
}
