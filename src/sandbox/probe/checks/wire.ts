import { asking } from '../check.ts';
import type { Check } from '../check.ts';

/** Begins as a frame does, and is none: it has no key. */
const FORGED = `GBX1${'0'.repeat(200)}`;

/** What a command can do to the wire from within. What else rows 94 to 98 are about happens on the host: see docs/security.md. */
export const WIRE: readonly Check[] = [
  asking('wire', [94], 'nothing can be written to init’s descriptors', 'forge', FORGED),
];
