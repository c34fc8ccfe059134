import type { DecisionRequest } from '../../contracts/index.ts';
import type { Layer } from '../document/layer.ts';
import { Glob } from '../glob.ts';
import { DEFAULTS } from '../grant.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';
import { type GlobList, statedLists } from './glob-list.ts';

type FileRequest = Extract<DecisionRequest, { path: string; action: `file.${string}` }>;

/** `files.read`, `files.write`, `files.deny`: absolute paths inside the sandbox. */
export class FileRules {
  readonly #read: readonly GlobList[];
  readonly #write: readonly GlobList[];
  readonly #deny: readonly GlobList[];
  readonly #writeByDefault = DEFAULTS.filesWrite.map((glob) => new Glob(glob));

  constructor(layers: readonly Layer[]) {
    this.#read = statedLists(layers, ['files', 'read'], (layer) => layer.document.files?.read);
    this.#write = statedLists(layers, ['files', 'write'], (layer) => layer.document.files?.write);
    this.#deny = statedLists(layers, ['files', 'deny'], (layer) => layer.document.files?.deny);
  }

  judge({ action, path }: FileRequest): Reasons {
    if (!isCanonical(path)) return byDefault('deny', `${JSON.stringify(path)} is not a canonical absolute path`);
    const reads = action === 'file.read' || action === 'file.list';
    const denied = this.#deny.flatMap((list) => list.matching('deny', path));
    // A folder does not go while something in it must stay.
    const holding = action === 'file.delete' ? this.#deny.flatMap((list) => list.inside('deny', path)) : [];
    const admitted = (reads ? this.#read : this.#write).map((list) => list.admit(path));
    return orDefault([...denied, ...holding, ...admitted], this.#default(reads, path));
  }

  #default(reads: boolean, path: string): Reasons {
    if (reads) return byDefault('allow', 'everything inside the sandbox may be read');
    if (this.#writeByDefault.some((glob) => glob.matches(path))) return byDefault('allow', `${DEFAULTS.filesWrite.join(' and ')} may be written`);
    return byDefault('deny', `without files.write only ${DEFAULTS.filesWrite.join(' and ')} may be written`);
  }
}

/** The one form of an absolute path: no empty, `.` or `..` part, no slash at its end, no NUL. */
function isCanonical(path: string): boolean {
  if (path === '/') return true;
  return path.startsWith('/') && !path.includes('\0') && !/\/(?:\.{0,2})(?:\/|$)/.test(path);
}
