// sandbox: sealed places in which commands run, and the one wire that leads in and out of each.
// `wire/` speaks docs/wire.md and believes nothing that the other end says; `link.ts` keeps one wire up, attaching again where it breaks.
// `guest.ts` is what every kind of sandbox has in common: commands, files, and an end that leaves nothing behind.
// `docker/` (containers, gVisor) and `bubblewrap/` (processes) make the places; each passes test/integration/sandbox.suite.ts.
// `probe/` is the corpus of what a sandbox must withstand, `prober.ts` lets it loose.
// `isolate/` runs JavaScript in child processes, without the wire; docs/isolates.md.
// `state.ts` is what outlives us, so that a sandbox can be taken over or swept, `folder-ownership.ts` whose it is and whether he lives; `images/` builds what containers start from.
export { openSandboxes } from './open-sandboxes.ts';
export { FolderOwnership } from './folder-ownership.ts';
export { recordedSandboxes } from './live-sandbox.ts';
