import { type CanonicalManifest, eventId } from '../canonical.js';
import { FieldProblem } from '../fields.js';

/** One manifest out of a text that may hold several, or why it is none. `lines` counts line breaks before it in that text. */
export type Part =
  | { readonly manifest: CanonicalManifest }
  | { readonly problem: FieldProblem; readonly text: string; readonly lines: number };

/** Runs `make`; a `FieldProblem` becomes a problem part. */
export function partOf(text: string, lines: number, make: () => CanonicalManifest): Part {
  try {
    return { manifest: make() };
  } catch (error) {
    if (error instanceof FieldProblem) return { problem: error, text, lines };
    throw error;
  }
}

/** Fills in the event id. */
export function identified(row: CanonicalManifest): CanonicalManifest {
  row.event_id = eventId(row);
  return row;
}
