import { stripVTControlCharacters } from 'node:util';

/** Output as a model should read it: no escape sequences, no control characters, and of a line that was drawn over and over only its last state. */
export function cleanOutput(text: string): string {
  const drawn = stripVTControlCharacters(text)
    .replaceAll(/\r+\n/g, '\n')
    .split('\n')
    .map(lastDrawn)
    .join('\n');
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return drawn.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

/** What stays on the line after its carriage returns; a progress bar's earlier states are gone. */
function lastDrawn(line: string): string {
  const states = line.split('\r').filter((state) => state !== '');
  return states.at(-1) ?? '';
}

/** Text of at most so many characters: beginning and end, with the count of what is missing between. */
export function cutMiddle(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const head = Math.ceil(maxChars / 2);
  const tail = maxChars - head;
  return `${text.slice(0, head)}\n[… ${text.length - maxChars} characters cut …]\n${text.slice(text.length - tail)}`;
}
