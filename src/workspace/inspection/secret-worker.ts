import { parentPort, workerData } from 'node:worker_threads';
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import type { LookedThrough, ToLookThrough } from './secrets.ts';

/** The rules of their authors' recommendation, none of them turned off. */
const RULES = [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }];

interface Hit {
  readonly what: string;
  readonly secret: string;
  readonly line: number;
}

/** What looks like a credential in a file of this name. */
async function hits(path: string, text: string): Promise<readonly Hit[]> {
  // A comment can turn the rules off, and whoever wrote the patch wrote its comments. Of the same length, so that places stay.
  const content = text.replace(/secretlint/gi, 'secret-int');
  const source = { content, filePath: path, ext: /\.[^./]*$/.exec(path)?.[0] ?? '', contentType: 'text' } as const;
  const { messages } = await lintSource({ source, options: { config: { rules: RULES }, locale: 'en' } });
  return messages.map(({ ruleId, messageId, range, loc }) => ({ what: `${ruleId.replace(/^.*secretlint-rule-/, '')} ${messageId}`, secret: content.slice(...range), line: loc.start.line }));
}

// One after the other: whoever waits knows how far it came.
for (const { path, before, after } of workerData as readonly ToLookThrough[]) {
  const known = new Set((await hits(path, before)).map(({ secret }) => secret));
  const found = (await hits(path, after)).filter(({ secret }) => !known.has(secret)).map(({ line, what }) => ({ line, what }));
  parentPort?.postMessage({ path, found } satisfies LookedThrough);
}
