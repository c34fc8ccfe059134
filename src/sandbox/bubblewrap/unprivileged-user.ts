import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { GloveboxError } from '../../contracts/index.ts';

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

interface Range {
  readonly first: number;
  readonly count: number;
}

/** Given to nobody in systemd's table of user ids (systemd.io/UIDS-GIDS: 1879048192…2147483647 unused), and the table is what distributions follow. */
const UNUSED: Range = { first: 0x7000_0000, count: 0x0fff_0000 };
/** Below are a system's own users and, in a container, its people. */
const LEAST = 20_000;
/** The overflow id: whatever has no other. */
const NOBODY = 65_534;
/** Less than that, and ids would soon be used twice. */
const ENOUGH = 4096;
const TRIES = 64;

/**
 * A user id that nothing on this host has, for one sandbox. Process counts and inotify instances are counted by user id, and so
 * is who may signal whom. The group has the same number. Errors: `kind_unavailable` when our user namespace has none to give.
 */
export function freeUser(taken: ReadonlySet<number>, random: (below: number) => number = randomInt): UnprivilegedUser {
  const range = unprivilegedRange(readFileSync('/proc/self/uid_map', 'utf8'));
  for (let tries = 0; range !== undefined && tries < TRIES; tries++) {
    const uid = range.first + random(range.count);
    if (uid !== NOBODY && !taken.has(uid)) return { uid, gid: uid };
  }
  throw new GloveboxError('kind_unavailable', 'no unprivileged user id is free here for a sandbox: run glovebox as an ordinary user');
}

/** Ids that may be taken, from the text of /proc/self/uid_map: the unused ones, or else the highest that our user namespace maps. */
export function unprivilegedRange(uidMap: string): Range | undefined {
  const mapped = uidMap
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first = 0, , count = 0]) => overlap({ first, count }, { first: LEAST, count: 2 ** 31 - 1 - LEAST }));
  const wanted = mapped.map((range) => overlap(range, UNUSED)).find(({ count }) => count >= ENOUGH);
  return wanted ?? mapped.filter(({ count }) => count >= ENOUGH).sort((a, b) => b.first - a.first)[0];
}

function overlap(a: Range, b: Range): Range {
  const first = Math.max(a.first, b.first);
  return { first, count: Math.max(0, Math.min(a.first + a.count, b.first + b.count) - first) };
}
