import { GloveboxError } from '../contracts/index.ts';
import type { Place } from './place.ts';
import type { Terminal } from './terminal.ts';

const VALUE_MOST_BYTES = 64 * 1024;

/** `glovebox secrets set`: from a person who types it unseen, else from stdin; never from an argument, which other processes could read. */
export async function setSecret(place: Place, terminal: Terminal, name: string, { json }: { json?: boolean }): Promise<number> {
  const value = terminal.interactive ? await typed(name) : (await readAll(terminal.stdin)).replace(/\r?\n$/, '');
  await place.secrets.set(name, value, place.principal);
  if (json === true) await terminal.json({ set: name });
  else terminal.note(`secret ${name} is set`);
  return 0;
}

/** `glovebox secrets list`: names and when they were set. */
export async function listSecrets(place: Place, terminal: Terminal, options: { json?: boolean }): Promise<number> {
  const secrets = (await place.secrets.list()).map(({ name, setMs }) => ({ name, setAt: new Date(setMs).toISOString() }));
  if (options.json === true) await terminal.json({ secrets });
  else if (secrets.length === 0) terminal.note('there are no secrets: `glovebox secrets set <name>` makes one');
  else await terminal.data(secrets.map(({ name, setAt }) => `${name.padEnd(24)} set ${setAt}\n`).join(''));
  return 0;
}

/** `glovebox secrets remove`. What was lent of it already is no longer renewed. */
export async function removeSecret(place: Place, terminal: Terminal, name: string, { json }: { json?: boolean }): Promise<number> {
  await place.secrets.remove(name, place.principal);
  if (json === true) await terminal.json({ removed: name });
  else terminal.note(`secret ${name} is removed`);
  return 0;
}

async function typed(name: string): Promise<string> {
  const { password, isCancel } = await import('@clack/prompts');
  const value = await password({ message: `value of ${name}`, validate: (text) => (text === undefined || text === '' ? 'it is empty' : undefined) });
  if (isCancel(value)) throw new GloveboxError('cancelled', 'nothing was set');
  return value;
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    const bytes = Buffer.from(piece);
    length += bytes.length;
    if (length > VALUE_MOST_BYTES + 2) throw new GloveboxError('usage', `a secret is at most ${VALUE_MOST_BYTES} bytes`);
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString();
}
