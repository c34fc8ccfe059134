import dockerignore from '@balena/dockerignore';

/** What a `.dockerignore` leaves out of a context. */
export interface IgnoreRules {
  /** `path` is relative to the context, with forward slashes. */
  ignores(path: string): boolean;
  /** Whether something under a folder that is left out may be taken back in. */
  readonly hasExceptions: boolean;
}

/** The rules as `docker build` reads them, which are not git's: a pattern counts from the context's root, and an exception reaches into a folder that is left out. */
export function readIgnoreRules(text: string): IgnoreRules {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const rules = dockerignore.default({ ignorecase: false }).add(lines);
  return { ignores: (path) => rules.ignores(path), hasExceptions: lines.some((line) => line.trim().startsWith('!')) };
}
