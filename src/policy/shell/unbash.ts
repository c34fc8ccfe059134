import { createRequire } from 'node:module';
import type * as Unbash from 'unbash';

let loaded: typeof Unbash | undefined;

/** The parser of shell texts, loaded by who first reads one: most commands of the command line never do. At once, because a decision is. */
export function unbash(): typeof Unbash {
  // The module is what its types say.
  loaded ??= createRequire(import.meta.url)('unbash') as typeof Unbash;
  return loaded;
}
