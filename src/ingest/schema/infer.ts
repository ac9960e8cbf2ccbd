import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { FileColumn } from '../../sources/formats/model.js';
import { NO_TYPE } from './model.js';
import { keptAsText } from './reasons.js';
import { TEXT_TYPES, type TextType, textFits } from './text-fits.js';

/** One column of text of a staged group. */
export interface TextPart {
  /** The SELECT that has it. */
  readonly relation: SqlFragment;
  /** `c0`, `c1` … */
  readonly raw: SqlFragment;
  readonly column: FileColumn;
}

export interface Inferred {
  readonly type: string;
  readonly note?: string;
}

interface Candidate {
  readonly name: string;
  readonly parts: readonly TextPart[];
  /** Types that are still possible, the narrower first. */
  types: readonly TextType[];
  /** Whether a value was seen in the sample. */
  seen: boolean;
  /** Share of the sample's values that look like a number or a time. */
  look: number;
  /** The sample does not tell what its points part. */
  doubtful: boolean;
  note?: string;
}

/** What a scan found about a column. */
interface Measured {
  values: number;
  fits: Map<TextType, number>;
  look: number;
  points: number;
  thousands: number;
}

function possibleTypes(parts: readonly TextPart[]): readonly TextType[] {
  const kinds = new Set(parts.map(({ column }) => column.kind));
  if (kinds.has('text') || kinds.has('mixed')) return [];
  if (kinds.has('number') && kinds.has('boolean')) return [];
  if (kinds.has('number')) return ['BIGINT', 'DOUBLE'];
  return kinds.has('boolean') ? ['BOOLEAN'] : TEXT_TYPES;
}

function count(condition: SqlFragment, name: string): SqlFragment {
  return trustedFragment(`count(*) FILTER (WHERE ${condition}) AS ${name}`);
}

/** How the points of a column's values stand. */
function pointCounts(value: SqlFragment, suffix: string): SqlFragment[] {
  const thousands = trustedFragment(fillSql(readSqlFile('ingest', 'schema_thousands'), { value }).trim());
  return [count(trustedFragment(`contains(${value}, '.')`), `points${suffix}`), count(thousands, `thousands${suffix}`)];
}

function isJsonNumber({ column }: TextPart): boolean {
  return column.kind === 'number';
}

type Row = Readonly<Record<string, unknown>>;

function unmeasured(): Measured {
  return { values: 0, fits: new Map(), look: 0, points: 0, thousands: 0 };
}

/** Adds what a row says; its columns end in `suffix`. */
function add(
  measured: Measured,
  row: Row,
  { suffix, types }: { suffix: string; types: readonly (readonly [type: TextType, column: string])[] },
): void {
  const of = (name: string) => Number(row[`${name}${suffix}`] ?? 0);
  measured.values += of('values');
  measured.look += of('look');
  measured.points += of('points');
  measured.thousands += of('thousands');
  for (const [type, column] of types) measured.fits.set(type, (measured.fits.get(type) ?? 0) + of(column));
}

function byRelation<T extends { readonly part: TextPart }>(places: readonly T[]): ReadonlyMap<SqlFragment, T[]> {
  const found = new Map<SqlFragment, T[]>();
  for (const place of places) {
    const { relation } = place.part;
    found.set(relation, [...(found.get(relation) ?? []), place]);
  }
  return found;
}

/** Measures the first rows of every group: all types, and what the values look like. */
async function sample(session: Session, candidates: readonly Candidate[]): Promise<Measured[]> {
  const found = candidates.map(unmeasured);
  const places = candidates.flatMap(({ parts }, number) => parts.map((part) => ({ part, number })));
  if (places.length === 0) return found;
  const value = trustedFragment('v');
  const look = trustedFragment(fillSql(readSqlFile('ingest', 'schema_numeric_look'), { value }).trim());
  const measures = [
    ...TEXT_TYPES.map((type, i) => count(textFits(value, type, 'strict'), `fits_${i}`)),
    count(textFits(value, 'DOUBLE', 'json'), 'fits_json'),
    count(look, 'look'),
    ...pointCounts(value, ''),
  ];
  const texts = [...byRelation(places)].map(([relation, own]) => {
    const columns = own.map(({ part }) =>
      trustedFragment(`${part.raw} AS "${places.findIndex((p) => p.part === part)}"`),
    );
    const parts = { relation, columns: joinFragments(columns, ', ') };
    return trustedFragment(fillSql(readSqlFile('ingest', 'schema_sample_texts'), parts).trim());
  });
  const sql = fillSql(readSqlFile('ingest', 'schema_sample'), {
    measures: joinFragments(measures, ', '),
    texts: joinFragments(texts, ' UNION ALL '),
  });
  for (const row of await session.rows(sql)) {
    const place = places[Number(row['number'])];
    const measured = found[place?.number ?? -1];
    if (place === undefined || measured === undefined) continue;
    const json = isJsonNumber(place.part);
    const types = TEXT_TYPES.map((type, i) => [type, json && type === 'DOUBLE' ? 'fits_json' : `fits_${i}`] as const);
    add(measured, json ? { ...row, points: 0, thousands: 0 } : row, { suffix: '', types });
  }
  return found;
}

type Types = (candidate: Candidate) => readonly TextType[];

const allTypes: Types = ({ types }) => types;
const firstType: Types = ({ types }) => types.slice(0, 1);

/** The aggregates for one column; `number` tells them apart. */
function measuresOf(
  part: TextPart,
  candidate: Candidate,
  { types, number }: { types: Types; number: number },
): SqlFragment[] {
  const value = trustedFragment(`nullif(${part.raw}, '')`);
  const json = isJsonNumber(part);
  const tested = types(candidate);
  const points = candidate.doubtful && !json && tested.includes('DOUBLE');
  return [
    trustedFragment(`count(${value}) AS values_${number}`),
    ...tested.map((type, i) => count(textFits(value, type, json ? 'json' : 'strict'), `fits_${i}_${number}`)),
    ...(points ? pointCounts(value, `_${number}`) : []),
  ];
}

/** Measures columns in one scan of each group. */
async function scan(session: Session, candidates: readonly Candidate[], types: Types): Promise<Measured[]> {
  const found = candidates.map(unmeasured);
  const places = candidates.flatMap((candidate, number) =>
    candidate.parts.map((part) => ({ part, candidate, number })),
  );
  for (const [relation, own] of byRelation(places)) {
    const measures = own.flatMap(({ part, candidate, number }) => measuresOf(part, candidate, { types, number }));
    const parts = { measures: joinFragments(measures, ', '), rows: relation };
    const [row = {}] = await session.rows(fillSql(readSqlFile('ingest', 'schema_profile'), parts));
    for (const { candidate, number } of own) {
      const tested = types(candidate).map((type, i) => [type, `fits_${i}`] as const);
      add(found[number] as Measured, row, { suffix: `_${number}`, types: tested });
    }
  }
  return found;
}

/** Strikes the types that some value is not of. */
function narrow(candidate: Candidate, measured: Measured): void {
  candidate.types = candidate.types.filter((type) => (measured.fits.get(type) ?? 0) === measured.values);
  candidate.seen = measured.values > 0;
  candidate.doubtful = measured.thousands === measured.points;
  if (measured.values > 0) candidate.look = measured.look / measured.values;
}

/** Values as 1.234 and nothing else with a point: thousandths for one, thousands for another. */
function isAmbiguous(measured: Measured): boolean {
  return measured.points > 0 && measured.thousands === measured.points;
}

const AMBIGUOUS = 'kept as text: its points may part thousands ("1.234") or decimals; declare its type to decide';

function settle(candidate: Candidate, measured: Measured): string | undefined {
  if (measured.values === 0) return NO_TYPE;
  const type = candidate.types.find((t) => measured.fits.get(t) === measured.values);
  if (type === 'DOUBLE' && candidate.doubtful && isAmbiguous(measured)) {
    candidate.note = AMBIGUOUS;
    return 'VARCHAR';
  }
  return type;
}

/**
 * The types of columns of text, from all of their values: the narrowest that every value converts to without loss, else `VARCHAR`; `NULL`
 * for a column without any value. A sample first strikes what cannot be, then one scan of the columns that are left proves the rest.
 */
export async function inferTypes(
  session: Session,
  columns: ReadonlyMap<string, readonly TextPart[]>,
): Promise<ReadonlyMap<string, Inferred>> {
  const all = [...columns].map(([name, parts]): Candidate => {
    return { name, parts, types: possibleTypes(parts), seen: false, look: 0, doubtful: false };
  });
  const open = all.filter(({ types }) => types.length > 0);
  const sampled = await sample(session, open);
  for (const [i, candidate] of open.entries()) narrow(candidate, sampled[i] as Measured);
  const found = new Map<string, string>();
  let left = open.filter(({ types, seen }) => types.length > 0 || !seen);
  // First the likeliest type of each alone: most columns keep what their sample says.
  for (const types of [firstType, allTypes]) {
    const measured = await scan(session, left, types);
    for (const [i, candidate] of left.entries()) {
      const type = settle(candidate, measured[i] as Measured);
      if (type !== undefined) found.set(candidate.name, type);
      candidate.types = candidate.types.slice(types(candidate).length);
    }
    left = left.filter(({ name, types }) => !found.has(name) && types.length > 0);
  }
  const inferred = new Map<string, Inferred>();
  for (const candidate of all) inferred.set(candidate.name, await withNote(session, candidate, found));
  return inferred;
}

async function withNote(session: Session, candidate: Candidate, found: ReadonlyMap<string, string>): Promise<Inferred> {
  const type = found.get(candidate.name) ?? 'VARCHAR';
  if (type !== 'VARCHAR' || candidate.parts.some(({ column }) => column.kind === 'text')) return { type };
  const look = candidate.look >= 0.5;
  const note = candidate.note ?? (look ? await keptAsText(session, candidate.parts.map(columnValues)) : undefined);
  return note === undefined ? { type } : { type, note };
}

function columnValues({ relation, raw }: TextPart): SqlFragment {
  return trustedFragment(fillSql(readSqlFile('ingest', 'schema_column_values'), { column: raw, relation }).trim());
}

/** The name of the column of a staged group at a place. */
export function rawColumn(place: number): SqlFragment {
  return identifier(`c${place}`);
}
