/** Layer rules of ARCHITECTURE.md: imports go down only, never sideways inside a row. */
const rows = [
  ['base'],
  ['storage', 'duckdb'],
  ['delta', 'manifest', 'sources'],
  ['ledger'],
  ['ingest', 'checks'],
  ['lake\\.ts', 'config\\.ts', 'index\\.ts'],
  ['cli'],
];
const pathOf = (name) => (name.endsWith('\\.ts') ? `^src/${name}$` : `^src/${name}/`);

const layerRules = rows
  .flatMap((row, i) =>
    row.map((name) => ({
      name: `layer-${name.replace('\\.ts', '')}`,
      comment: 'Imports go down only; see ARCHITECTURE.md',
      severity: 'error',
      from: { path: pathOf(name) },
      to: {
        path: [
          ...rows.slice(i + 1).flat(),
          // The files of row 5 are one module together; folders of one row do not know each other.
          ...(name.endsWith('\\.ts') ? [] : row.filter((other) => other !== name)),
        ].map(pathOf),
      },
    })),
  )
  .filter((rule) => rule.to.path.length > 0);

const deltaRules = [
  ['protocol', ['log', 'write', 'query', 'maintain']],
  ['log', ['write', 'query', 'maintain']],
  ['write', ['query', 'maintain']],
  ['query', ['write', 'maintain']],
].map(([from, to]) => ({
  name: `delta-${from}`,
  comment: 'delta: protocol <- log <- write <- maintain',
  severity: 'error',
  from: { path: `^src/delta/${from}/` },
  to: { path: to.map((t) => `^src/delta/${t}/`) },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'protocol-is-pure',
      comment: 'src/delta/protocol has no I/O',
      severity: 'error',
      from: { path: '^src/delta/protocol/' },
      to: { path: ['^src/(storage|duckdb)/', '^(node:)?(fs|path|child_process|net|http)'] },
    },
    {
      name: 'delta-public-door',
      comment: 'Outsiders import only src/delta/index.ts',
      severity: 'error',
      from: { pathNot: '^src/delta/' },
      to: { path: '^src/delta/(?!index\\.ts$)' },
    },
    ...layerRules,
    ...deltaRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
