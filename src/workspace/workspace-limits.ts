/** How much a tree of files may hold. */
export interface WorkspaceLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
  readonly maxFileBytes: number;
  readonly maxPatchBytes: number;
}

export const DEFAULT_LIMITS: WorkspaceLimits = {
  maxFiles: 100_000,
  maxBytes: 2 * 2 ** 30,
  maxFileBytes: 512 * 2 ** 20,
  maxPatchBytes: 256 * 2 ** 20,
};

/** A number of bytes for people: `1.5 GiB`. */
export function formatBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log2(count) / 10));
  const value = count / 2 ** (10 * power);
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
