import { readFile } from 'node:fs/promises';
import { describeError, GloveboxError } from '../../contracts/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What requests are signed with. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Of the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for keys that are lent, `AWS_SESSION_TOKEN`; or of files that the same names with `_FILE` name, which are read each
 * time, so that they may change. Errors: `config_invalid`.
 */
export async function readAwsKeys(env: Environment): Promise<AwsKeys> {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'].map((name) => valueOf(env, name)));
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new GloveboxError('config_invalid', 'GLOVEBOX_BLOBS_URL names a bucket, and there are no keys for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID_FILE and AWS_SECRET_ACCESS_KEY_FILE');
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

async function valueOf(env: Environment, name: string): Promise<string | undefined> {
  const value = env[name]?.trim() ?? '';
  const file = env[`${name}_FILE`] ?? '';
  if (value !== '' && file !== '') throw new GloveboxError('config_invalid', `${name} and ${name}_FILE: set one of them`);
  if (file === '') return value === '' ? undefined : value;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new GloveboxError('config_invalid', `${name}_FILE names a file that cannot be read: ${describeError(error)}`, { cause: error });
  }
}
