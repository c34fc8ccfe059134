/** What can be done where an engine's disk is full. */
export const ENGINE_FULL = "its disk is full: make room there (`docker system df` says what takes it, `docker system prune` removes what nothing uses)";
