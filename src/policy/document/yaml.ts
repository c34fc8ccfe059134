import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';

let loaded: typeof Yaml | undefined;

/** The YAML library, loaded by who first reads or writes a document: most commands of the command line never do. */
export function yaml(): typeof Yaml {
  // The module is what its types say.
  loaded ??= createRequire(import.meta.url)('yaml') as typeof Yaml;
  return loaded;
}
