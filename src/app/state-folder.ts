import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { GloveboxError } from '../contracts/index.ts';

/** Variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where everything is that is kept. Errors: `config_invalid`. */
export async function stateFolder(env: Environment): Promise<string> {
  const folder = env['GLOVEBOX_HOME'] ?? join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'glovebox');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new GloveboxError('config_invalid', `the state folder ${folder} cannot be made: set GLOVEBOX_HOME to a folder of yours`, { cause: error });
  }
  return resolve(folder);
}
