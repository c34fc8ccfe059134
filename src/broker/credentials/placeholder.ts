import { randomInt } from 'node:crypto';

/** What programs look at to tell what a token is for. Longer ones first. */
const KNOWN = ['github_pat_', 'glpat-', 'sk-ant-', 'sk-proj-', 'dop_v1_', 'pypi-', 'xoxb-', 'xoxp-', 'AKIA', 'ASIA', 'AIza', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'npm_', 'hvs.', 'sk-'];
const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
/** Fewer random characters than these could be guessed. */
const RANDOM_LEAST = 20;
const RANDOM_MOST = 512;

/**
 * What a sandbox gets instead of a secret: nobody can guess it, no two are equal, and it is shaped like the secret, so that a program that checks the shape takes it. A
 * character that is no letter or digit stays; whatever is not ASCII does not.
 */
export function placeholderFor(secret: string): string {
  const prefix = KNOWN.find((one) => secret.startsWith(one)) ?? '';
  let random = 0;
  const shaped = Array.from(secret.slice(prefix.length, RANDOM_MOST), (character) => {
    const alphabet = alphabetOf(character);
    if (alphabet === undefined) return character;
    random += 1;
    return pick(alphabet);
  });
  const more = Array.from({ length: Math.max(0, RANDOM_LEAST - random) }, () => pick(DIGITS + LOWER));
  return `${prefix}${[...shaped, ...more].join('')}`;
}

function alphabetOf(character: string): string | undefined {
  return [DIGITS, LOWER, UPPER].find((alphabet) => alphabet.includes(character)) ?? (/^[!-~]$/.test(character) ? undefined : LOWER);
}

function pick(alphabet: string): string {
  return alphabet.charAt(randomInt(alphabet.length));
}
