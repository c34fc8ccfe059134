import { readFileSync } from 'node:fs';
import { describeError, GloveboxError } from '../contracts/index.ts';
import type { Environment } from './state-folder.ts';

/** What containers are given as files instead of variables, which whoever inspects them could read. */
const VARIABLES = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY'] as const;

/** With `<name>` from the file that `<name>_FILE` names, where there is one; an empty file is none. Errors: `config_invalid`. */
export function withSecretFiles(env: Environment): Environment {
  const found = VARIABLES.flatMap((name): [string, string][] => {
    const file = env[`${name}_FILE`] ?? '';
    if (file === '' || (env[name] ?? '') !== '') return [];
    const value = contentOf(file, `${name}_FILE`);
    return value === '' ? [] : [[name, value]];
  });
  return found.length === 0 ? env : { ...env, ...Object.fromEntries(found) };
}

function contentOf(file: string, variable: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new GloveboxError('config_invalid', `${variable} names a file that cannot be read: ${describeError(error)}`, { cause: error });
  }
}
