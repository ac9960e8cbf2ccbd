import type { DomainMetadata } from './actions.js';

const DOMAIN = 'delta.clustering';

/**
 * Physical paths of the clustering columns of a table, which every file must have statistics of (PROTOCOL.md, "Writer Requirements for Clustered
 * Table"). Empty for tables without clustering, and when the domain is not understood.
 */
export function clusteringColumns(domains: ReadonlyMap<string, DomainMetadata>): readonly (readonly string[])[] {
  const domain = domains.get(DOMAIN);
  if (domain === undefined || domain.removed) return [];
  try {
    const columns: unknown = JSON.parse(domain.configuration)?.clusteringColumns;
    if (!Array.isArray(columns)) return [];
    return columns.map((column) => (Array.isArray(column) ? column.map(String) : [String(column)]));
  } catch {
    return [];
  }
}
