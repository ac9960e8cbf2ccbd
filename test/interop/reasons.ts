import type { ToolName } from './tools.js';

export const ONLY_APPENDS = 'it only appends';

/** What the other engines say when they cannot do something, and how the interoperability table puts it. */
const REASONS: readonly (readonly [ToolName, RegExp, string])[] = [
  // delta-rs sets the mode of column mapping without the feature.
  ['Spark', /DELTA_FEATURES_PROTOCOL_METADATA_MISMATCH/, 'a feature is not in the protocol'],
  ['kernel', /chdb only appends/, ONLY_APPENDS],
  ['kernel', /Column mapping is not enabled but field '\w+' is annotated/, 'columnMapping is not in the protocol'],
  ['kernel', /getDataAt is not supported for Nullable/, 'no null as a partition value'],
  ['delta-rs', /Error parsing property '([\w.]+)'/, 'does not take the property $1'],
  ['kernel', /Feature '(\w+)' is not supported/, 'does not write $1'],
  ['kernel', /tables with column mapping enabled is not supported/, 'does not write columnMapping'],
  ['kernel', /out of allowed Date32 range/, 'ClickHouse has dates from 1900 to 2299'],
  ['delta-rs', /Unsupported table features required: \[(\w+)\]/, 'does not know $1'],
  [
    'delta-rs',
    /Column mapping is not supported for read operation 'CHANGE DATA FEED scans'/,
    'no change data feed with columnMapping',
  ],
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
