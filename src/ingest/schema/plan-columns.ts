import type { Session } from '../../duckdb/session.js';
import type { StagedGroup } from '../../sources/formats/model.js';
import { type Inferred, inferTypes, rawColumn, type TextPart } from './infer.js';
import { type DatasetColumn, NO_TYPE, type SchemaRequest } from './model.js';
import { keepsNanoseconds } from './nanoseconds.js';
import { commonType, storedType } from './typed-columns.js';

/** The columns of a staged group by their names in a table. */
export interface GroupLayout {
  readonly group: StagedGroup;
  readonly fingerprint: string;
  readonly names: readonly string[];
  /** Columns that the dataset lacks are taken; false when the contract keeps them out. */
  readonly evolves: boolean;
}

/** A column of the dataset in this batch. */
export interface PlannedColumn extends DatasetColumn {
  /** The type is the user's word. */
  readonly declared: boolean;
  /** Every value of the batch was seen to fit. */
  readonly proven: boolean;
}

interface Place {
  readonly layout: GroupLayout;
  readonly at: number;
}

interface NewColumn {
  readonly name: string;
  readonly published: string;
  readonly places: Place[];
}

/** Columns of layouts that evolve the dataset and that it does not have yet, in the order of their coming, by name in lower case. */
function newColumns(layouts: readonly GroupLayout[], known: ReadonlySet<string>): ReadonlyMap<string, NewColumn> {
  const found = new Map<string, NewColumn>();
  for (const layout of layouts) {
    if (!layout.evolves) continue;
    for (const [at, name] of layout.names.entries()) {
      const key = name.toLowerCase();
      if (known.has(key)) continue;
      const column = found.get(key) ?? { name, published: layout.group.columns[at]?.name ?? name, places: [] };
      column.places.push({ layout, at });
      found.set(key, column);
    }
  }
  return found;
}

function isText({ layout, at }: Place): boolean {
  return layout.group.columns[at]?.type === 'TEXT';
}

function textPart({ layout, at }: Place): TextPart {
  const column = layout.group.columns[at] ?? { name: '', type: 'TEXT' };
  return { relation: layout.group.relation, raw: rawColumn(at), column };
}

/** The type of a new column: of its text as inferred, of its typed parts as stored, of both the common one. */
async function typeOf(session: Session, column: NewColumn, inferred: Inferred | undefined): Promise<PlannedColumn> {
  let type = inferred?.type ?? NO_TYPE;
  let note = inferred?.note;
  for (const place of column.places.filter((p) => !isText(p))) {
    const part = textPart(place);
    const source = part.column.type;
    let stored = storedType(source);
    if (source === 'TIMESTAMP_NS' && !(await keepsNanoseconds(session, part))) {
      stored = { type: 'VARCHAR', note: 'kept as text: a TIMESTAMP has no nanoseconds' };
    }
    type = commonType(type, stored.type);
    note ??= stored.note;
  }
  const proven = type === inferred?.type;
  const { name, published } = column;
  return { name, published, type, declared: false, proven, ...(note === undefined ? {} : { note }) };
}

/** The columns that a batch brings, with their types. */
async function planNew(
  session: Session,
  fresh: ReadonlyMap<string, NewColumn>,
  declared: ReadonlyMap<string, string>,
): Promise<PlannedColumn[]> {
  const open = [...fresh].filter(([key]) => !declared.has(key));
  const texts = new Map(open.map(([key, { places }]) => [key, places.filter(isText).map(textPart)] as const));
  const inferred = await inferTypes(session, new Map([...texts].filter(([, parts]) => parts.length > 0)));
  const planned: PlannedColumn[] = [];
  for (const [key, column] of fresh) {
    const type = declared.get(key);
    const { name, published } = column;
    planned.push(
      type === undefined
        ? await typeOf(session, column, inferred.get(key))
        : { name, published, type, declared: true, proven: false },
    );
  }
  return planned;
}

function publishedName(layouts: readonly GroupLayout[], name: string): string {
  for (const { names, group } of layouts) {
    const at = names.findIndex((other) => other.toLowerCase() === name.toLowerCase());
    const published = at < 0 ? undefined : group.columns[at]?.name;
    if (published !== undefined) return published;
  }
  return name;
}

/** Every column of the dataset after the batch; those it has keep their types. */
export async function planColumns(
  session: Session,
  layouts: readonly GroupLayout[],
  request: Pick<SchemaRequest, 'current'> & { readonly declared: ReadonlyMap<string, string> },
): Promise<PlannedColumn[]> {
  const { current, declared } = request;
  const old = current.map(({ name, type }): PlannedColumn => {
    const wanted = declared.get(name.toLowerCase());
    const note =
      wanted === undefined || wanted === type ? undefined : `stays ${type}, as the table has it, not ${wanted}`;
    const base = { name, published: publishedName(layouts, name), type, declared: wanted === type, proven: false };
    return note === undefined ? base : { ...base, note };
  });
  const known = new Set(current.map(({ name }) => name.toLowerCase()));
  return [...old, ...(await planNew(session, newColumns(layouts, known), declared))];
}
