import { GloveboxError, type Patch } from '../contracts/index.ts';
import { quoted } from './tree-path.ts';

const MAX_NAMED = 20;

/** `patch_conflict` with the files that git complained about, in the message and in `details.files`. */
export function patchConflict(sentence: string, patch: Patch, stderr: string): GloveboxError {
  const lines = stderr.split('\n');
  const complains = (line: string, path: string) => line === `U ${path}` || line.startsWith(`error: ${path}: `) || line.startsWith(`error: patch failed: ${path}:`);
  const files = patch.files.map(({ path }) => path).filter((path) => lines.some((line) => complains(line, path)));
  const named = files.slice(0, MAX_NAMED).map(quoted).join(', ');
  const more = files.length > MAX_NAMED ? ` and ${files.length - MAX_NAMED} more` : '';
  const why = files.length === 0 ? quoted(stderr.trim().replaceAll(/^error: /gm, '')) : `${named}${more}`;
  return new GloveboxError('patch_conflict', `${sentence}: ${why}`, { details: { files: JSON.stringify(files) } });
}
