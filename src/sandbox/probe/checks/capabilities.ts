import { asking } from '../check.ts';
import type { Check } from '../check.ts';

export const CAPABILITIES: readonly Check[] = [
  asking('capabilities', [24], 'no capability is in effect, permitted, inherited or ambient', 'effective-capabilities'),
  asking('capabilities', [25], 'no capability can come back', 'bounding-capabilities'),
  asking('capabilities', [26], 'no program gains privileges', 'no-new-privileges'),
  asking('capabilities', [17], 'setuid programs gain nothing', 'setuid-programs'),
  asking('capabilities', [27], 'nobody is root, here or outside, or can become it', 'not-root'),
  asking('capabilities', [28], 'files cannot be opened by handle', 'file-handles'),
];
