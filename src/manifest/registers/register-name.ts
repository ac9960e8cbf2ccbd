import { usageError } from '../../base/lake-error.js';

/** The parts of `<domain>_<process>.manifest.json`; the process is the last word. */
export interface RegisterName {
  readonly name: string;
  readonly domain: string;
  readonly process: string;
}

const NAME = /^([A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*)_([A-Za-z][A-Za-z0-9-]*)\.manifest\.json$/;
const SET_ASIDE = /^(.+)\.corrupt-[0-9a-f]{16}$/;

/** The parts of the name of a register, or undefined when it is none (seed 001 §5.2). */
export function findRegisterName(name: string): RegisterName | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { name, domain: match[1] ?? '', process: match[2] ?? '' };
}

/** The same; throws a usage error when it is none. */
export function parseRegisterName(name: string): RegisterName {
  const found = findRegisterName(name);
  if (found !== undefined) return found;
  throw usageError(`"${name}" is not the name of a register`, {
    place: name,
    hint: 'name it <domain>_<process>.manifest.json, each of letters, digits, "-" and (in the domain) "_", such as systems_download.manifest.json',
  });
}

/** `<domain>_<process>.manifest.json`. Throws a usage error when the parts make no such name. */
export function registerName(domain: string, process: string): string {
  const { name, ...parts } = parseRegisterName(`${domain}_${process}.manifest.json`);
  if (parts.process === process) return name;
  throw usageError(`"${process}" is not one plain word`, {
    place: name,
    hint: 'a process is one word such as download; put the rest into the domain',
  });
}

/** The folder of a register's journal: hidden, so that no reader of manifests looks into it. */
export function journalFolder(name: string): string {
  return `.${name}.journal`;
}

/** The register that a folder is the journal of, if it is one. */
export function findJournalOwner(folder: string): RegisterName | undefined {
  return folder.startsWith('.') && folder.endsWith('.journal')
    ? findRegisterName(folder.slice(1, -'.journal'.length))
    : undefined;
}

/** Where the bytes of a corrupt register are kept; no reader of manifests takes that name for one. `hash` is theirs. */
export function setAsideName(name: string, hash: string): string {
  return `${name}.corrupt-${hash.slice(0, 16)}`;
}

/** The name of the register whose bytes are kept under this name, if they are. */
export function findSetAsideOwner(name: string): string | undefined {
  return SET_ASIDE.exec(name)?.[1];
}
