import { parentPort, workerData } from 'node:worker_threads';
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import type { ChangedText } from '../../contracts/index.ts';
import type { LookedThrough } from './new-credentials.ts';

/** The rules of their authors' recommendation, none of them turned off. */
const RULES = [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }];
/** Every private key, with or without its end: the rules know the most usual ones alone. */
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{40,}(?:-----END [A-Z ]{1,60}-----)?/g;
/** Of what a credential is made. Some rules report as many characters as it has, from the name before it on. */
const TOKEN = /[\w+/=-]*/y;

/** What looks like a credential in a file of this name, each with its place. */
async function hits(path: string, text: string) {
  // A comment can turn the rules off, and whoever wrote the text wrote its comments. Of the same length, so that places stay.
  const content = text.replace(/secretlint/gi, 'secret-int');
  const source = { content, filePath: path, ext: /\.[^./]*$/.exec(path)?.[0] ?? '', contentType: 'text' } as const;
  const { messages } = await lintSource({ source, options: { config: { rules: RULES }, locale: 'en' } });
  return messages.map(({ ruleId, messageId, range, loc }) => ({ messageId, range, secret: content.slice(...range), line: loc.start.line, what: `${ruleId.replace(/^.*secretlint-rule-/, '')} ${messageId}` }));
}

async function masked(whole: string): Promise<string> {
  const text = whole.replace(PRIVATE_KEY, '[secret:private-key]');
  const messages = await hits('text', text);
  let [clean, from] = ['', 0];
  for (const { range: [start, end], messageId } of messages.toSorted((one, other) => one.range[0] - other.range[0])) {
    if (end <= from) continue;
    TOKEN.lastIndex = end;
    clean += text.slice(from, Math.max(from, start)) + (start < from ? '' : `[secret:${nameOf(messageId)}]`);
    from = end + (TOKEN.exec(text)?.[0].length ?? 0);
  }
  return clean + text.slice(from);
}

/** `AWSSecretAccessKey` is `aws-secret-access-key`. */
function nameOf(messageId: string): string {
  return messageId.replaceAll(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3-$2$4').replaceAll('_', '-').toLowerCase();
}

/** One after the other: whoever waits knows how far it came. */
async function lookThrough(files: readonly ChangedText[]): Promise<void> {
  for (const { path, before, after } of files) {
    const known = new Set((await hits(path, before)).map(({ secret }) => secret));
    const found = (await hits(path, after)).filter(({ secret }) => !known.has(secret)).map(({ line, what }) => ({ line, what }));
    parentPort?.postMessage({ path, found } satisfies LookedThrough);
  }
}

function converse(): void {
  parentPort?.on('message', ({ id, text }: { readonly id: number; readonly text: string }) => {
    masked(text).then(
      (clean) => parentPort?.postMessage({ id, clean }),
      // Without a text it counts as not looked through.
      () => parentPort?.postMessage({ id }),
    );
  });
}

// Files come with the thread, and it ends with them; texts come one by one, as long as somebody asks.
if (workerData === undefined) converse();
else await lookThrough(workerData as readonly ChangedText[]);
