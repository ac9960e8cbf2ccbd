import { z } from 'zod';
import type { Dialect } from './canonical.js';
import { fileManifestSchema } from './dialects/file-manifest.js';
import { registerSchema } from './dialects/register.js';
import { runManifestSchema } from './dialects/run-manifest.js';

const schemas = {
  file: ['File manifest', fileManifestSchema],
  register: ['Register of downloaded files', registerSchema],
  run: ['Run manifest', runManifestSchema],
} as const;

/** The JSON Schema (draft 2020-12) of one dialect. It cannot tell calendar rules or status spellings: those are checked when reading. */
export function manifestJsonSchema(dialect: Dialect): Record<string, unknown> {
  const [title, schema] = schemas[dialect];
  return { title, ...z.toJSONSchema(schema, { io: 'input' }) };
}
