import { type Clock, systemClock } from '../../base/clock.js';
import { usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { RegisterManager, type RegisterType } from './register-manager.js';
import { parseRegisterName } from './register-name.js';

export interface RegisterOptions {
  /** The one folder of all registers, for example `new LocalStore('etl/manifests')`. */
  readonly store: ObjectStore;
  /** `<domain>_<process>.manifest.json`. */
  readonly name: string;
  /** Version of the code that writes: of a new register, and of every new record. */
  readonly etlVersion: string;
  /** What a new register has as its `process`, one plain word; default: the process in the name. */
  readonly process?: string | undefined;
  readonly clock?: Clock | undefined;
  /** Objects of the journal until they are made one; default 64. */
  readonly journalLimit?: number | undefined;
}

interface OpenRegister {
  readonly type: string;
  readonly required: string;
  readonly etlVersion: string;
  readonly manager: Promise<RegisterManager>;
}

const JOURNAL_LIMIT = 64;

/** The registers that this process has open, by folder and name. */
const registers = new Map<string, OpenRegister>();

function place({ store, name }: RegisterOptions): string {
  return `${store.root}/${name}`;
}

function refuseOther(known: OpenRegister, wanted: Omit<OpenRegister, 'manager'>, options: RegisterOptions): void {
  const other = (['type', 'etlVersion', 'required'] as const).find((field) => known[field] !== wanted[field]);
  if (other === undefined) return;
  throw usageError(`the register is open in this process with ${other} "${known[other]}", not "${wanted[other]}"`, {
    place: place(options),
    hint: 'close it first',
  });
}

function refuseOtherProcess(manager: RegisterManager, options: RegisterOptions): void {
  const { process } = manager.metadata;
  if (options.process === undefined || options.process === process) return;
  throw usageError(`the register is of the process "${process}", not "${options.process}"`, {
    place: place(options),
    hint: 'open it with its own process, or give the other one a register of its own',
  });
}

/** Opens registers by the name of their type: `downloads`, `processed`, and those that are added (seed 001, `ManifestFactory`). */
export class RegisterFactory {
  readonly #types = new Map<string, RegisterType>([
    ['downloads', { required: ['checksum', 'etag', 'file_path', 'file_size'] }],
    ['processed', { required: ['checksum', 'file_path', 'file_size'] }],
  ]);

  /** The names of the types. */
  get types(): readonly string[] {
    return [...this.#types.keys()];
  }

  /** Adds a type. Throws a usage error when the name is taken. */
  registerType(name: string, type: RegisterType): void {
    if (this.#types.has(name)) throw usageError(`the register type "${name}" is there already`, { place: name });
    this.#types.set(name, { required: [...type.required] });
  }

  /**
   * Opens a register, or makes its skeleton when there is none. A process has one manager for each folder and name: who opens it again
   * gets the same. Rejects with a usage error for an unknown type, for a name that is none, and when the register is open with
   * another type or version; with `REGISTER_CORRUPT` when it cannot be read, until somebody has put it right.
   */
  async open(typeName: string, options: RegisterOptions): Promise<RegisterManager> {
    const type = this.#types.get(typeName);
    if (type === undefined) {
      const hint = didYouMean(typeName, this.types);
      throw usageError(`unknown register type "${typeName}"`, { place: typeName, hint });
    }
    const { store, name, etlVersion } = options;
    parseRegisterName(name);
    const key = `${store.root}\0${name}`;
    const wanted = { type: typeName, required: type.required.join(', '), etlVersion };
    const known = registers.get(key);
    if (known !== undefined) refuseOther(known, wanted, options);
    const opened = known ?? { ...wanted, manager: openNew(key, type, options) };
    registers.set(key, opened);
    try {
      const manager = await opened.manager;
      refuseOtherProcess(manager, options);
      return manager;
    } catch (error) {
      if (registers.get(key) === opened && known === undefined) registers.delete(key);
      throw error;
    }
  }
}

function openNew(key: string, type: RegisterType, options: RegisterOptions): Promise<RegisterManager> {
  const { store, name, etlVersion, process, clock = systemClock, journalLimit = JOURNAL_LIMIT } = options;
  const onClose = () => registers.delete(key);
  return RegisterManager.open({ store, name, type, etlVersion, process, clock, journalLimit, onClose });
}
