import type { ToolName } from './tools.js';

/** What the other engines say when they cannot do something, and how the interoperability table puts it. */
const REASONS: readonly (readonly [ToolName, RegExp, string])[] = [
  ['kernel', /chdb only appends/, 'it only appends'],
  ['delta-rs', /delta-rs has no function to (\w+)/, 'no function for $1'],
];

/** The short reason for an error that is known; undefined for any other, which is a failure. */
export function knownReason(tool: ToolName, message: string): string | undefined {
  for (const [who, pattern, reason] of REASONS) {
    const found = who === tool ? pattern.exec(message) : null;
    if (found !== null) return reason.replaceAll(/\$(\d)/g, (_, i: string) => found[Number(i)] ?? '');
  }
  return undefined;
}
