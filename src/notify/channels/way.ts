import type { Notice } from '../notice.ts';

/** A way to people. */
export interface Way {
  /** Once for each attempt; `id` is the same for all attempts at one notice in one channel, so that whoever gets it twice can tell. Rejects where nobody can be sure that it came. */
  send(notice: Notice, options: { readonly id: string; readonly link: string | undefined; readonly signal: AbortSignal }): Promise<void>;
}

/** It will not come in however often it is tried. */
export class Refused extends Error {}

/** What was said in a line or more, for people. */
export function asText({ title, text, command }: Notice, link: string | undefined): string {
  return [title, text, '', `\`${command}\``, ...(link === undefined ? [] : [link])].join('\n');
}
