import type { Check } from '../check.ts';
import { ABUSE } from './abuse.ts';
import { CAPABILITIES } from './capabilities.ts';
import { CONTROL_GROUPS } from './control-groups.ts';
import { ENGINE } from './engine.ts';
import { FILES } from './files.ts';
import { KERNEL } from './kernel.ts';
import { NETWORK } from './network.ts';
import { PROC } from './proc.ts';
import { SECRETS } from './secrets.ts';
import { WIRE } from './wire.ts';

/** The whole corpus. What could end the place comes last. */
export const CHECKS: readonly Check[] = [...KERNEL, ...FILES, ...CAPABILITIES, ...ENGINE, ...PROC, ...NETWORK, ...SECRETS, ...CONTROL_GROUPS, ...ABUSE, ...WIRE];
