/** The LFS specification bounds a pointer at 1024 bytes. */
export const MAX_LFS_POINTER_BYTES = 1024;

export const LFS_NOTE = 'files are Git LFS pointers, and stay so: the sandbox sees the pointer (run `git lfs pull` before, if the content matters)';

/** Whether a file stands for another one that is kept elsewhere. */
export function isLfsPointer(content: Buffer): boolean {
  return content.length <= MAX_LFS_POINTER_BYTES && content.toString('latin1').startsWith('version https://git-lfs.github.com/spec/v1\n');
}
