/** How kernels, and storage drivers after them, say that a disk is full. */
const FULL = /no space left on device|disk quota exceeded/i;

/** Whether an engine did not do something because its disk is full, by what it said of it. */
export function isEngineFull(reason: string): boolean {
  return FULL.test(reason);
}

/** What can be done about it. */
export const ENGINE_FULL = "its disk is full: make room there (`docker system df` says what takes it, `docker system prune` removes what nothing uses)";
