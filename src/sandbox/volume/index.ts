// Volumes: workspaces that are larger than their sandbox's memory lie on disk, in a file system of just their size. Both drivers mount them, each
// in its own way, so that nothing of one outlives its mount; what a crash leaves before that is found by its name in the state folder.
export { outgrowsMemory, Volumes } from './volumes.ts';
