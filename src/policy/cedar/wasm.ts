import { createRequire } from 'node:module';
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';

let loaded: typeof Cedar | undefined;

/** Cedar, loaded by who first asks it something: most commands of the command line never do. At once, because a decision is. */
export function cedar(): typeof Cedar {
  // The module is what its types say.
  loaded ??= createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Cedar;
  return loaded;
}
