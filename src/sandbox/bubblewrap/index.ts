// Process sandboxes: bubblewrap around the host's own programs. `driver.ts` is the way in; a sandbox's things on the host are a `Place`,
// what removes them (for whoever) is `remains.ts`, and what it looks like from inside is `bubblewrap-arguments.ts`.
export { BubblewrapDriver, type BubblewrapOptions } from './driver.ts';
