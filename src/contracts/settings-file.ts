import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { describeError, GloveboxError } from './errors.ts';
import { unlessMissing } from './unless-missing.ts';

/** What an operator's YAML file says; undefined where there is no file. Errors: `config_invalid`, with the file and what is wrong in it. */
export async function readSettings<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    const text = await unlessMissing(readFile(file, 'utf8'));
    if (text === undefined) return undefined;
    const { parse } = await import('yaml');
    return schema.parse(parse(text) ?? {});
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues.map(({ path, message }) => [...(path.length === 0 ? [] : [path.join('.')]), message].join(': ')).join('; ') : describeError(error);
    throw new GloveboxError('config_invalid', `${file}: ${problem}`, { cause: error, details: { file } });
  }
}
