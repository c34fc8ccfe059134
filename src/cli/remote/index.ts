export { ours } from './errors.ts';
export { openRemote } from './open-remote.ts';
