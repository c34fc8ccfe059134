/** A shorter secret is too common a word to be looked for. */
const SHORTEST_BYTES = 6;

export interface SecretForm {
  readonly sought: Buffer;
  readonly instead: Buffer;
}

/**
 * The ways in which a server or a program may write a secret that it was given, each with what stands in its place: as it is, in a URL, in JSON, in HTML, in hex, and in base64
 * wherever it stands in what was encoded. The longest comes first.
 */
export function formsOf(secret: string, placeholder: string): readonly SecretForm[] {
  const forms = new Map<string, SecretForm>();
  for (const encode of TEXT_FORMS) {
    const sought = encode(secret);
    if (sought.length >= SHORTEST_BYTES && !forms.has(sought)) forms.set(sought, { sought: Buffer.from(sought), instead: Buffer.from(encode(placeholder)) });
  }
  for (const encoding of ['base64', 'base64url'] as const) {
    for (const shift of [0, 1, 2]) {
      const sought = inner(secret, shift, encoding);
      if (sought.length >= SHORTEST_BYTES && !forms.has(sought)) forms.set(sought, { sought: Buffer.from(sought), instead: Buffer.from(inner(placeholder, shift, encoding)) });
    }
  }
  return [...forms.values()].toSorted((a, b) => b.sought.length - a.sought.length);
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const TEXT_FORMS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => encodeURIComponent(text),
  (text) => encodeURIComponent(text).replaceAll(/%../g, (escape) => escape.toLowerCase()),
  (text) => new URLSearchParams([['', text]]).toString().slice(1),
  (text) => JSON.stringify(text).slice(1, -1),
  (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', String.raw`\/`),
  (text) => text.replaceAll(/[&<>"']/g, (character) => HTML[character] ?? character),
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('hex').toUpperCase(),
];

/** The characters of base64 that say nothing of what stands before or behind: of a text that begins `shift` bytes into a group of three. */
function inner(text: string, shift: number, encoding: 'base64' | 'base64url'): string {
  const whole = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]);
  const encoded = whole.toString(encoding).replace(/=+$/, '');
  // A character that shares bits with a neighbour is left out.
  const from = Math.ceil((shift * 8) / 6);
  const to = Math.floor((whole.length * 8) / 6);
  return encoded.slice(from, to);
}
