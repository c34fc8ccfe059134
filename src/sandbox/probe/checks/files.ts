import { describeError, GloveboxError, WORKSPACE } from '../../../contracts/index.ts';
import type { SandboxFiles } from '../../../contracts/index.ts';
import { archiveOf } from '../archive.ts';
import type { ArchiveEntry } from '../archive.ts';
import { asking, broken, held } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { describeEnd } from '../probed-place.ts';
import type { ProbedPlace } from '../probed-place.ts';

const CAGE = `${WORKSPACE}/.probe-cage`;
/** Beside the cage: whoever gets out comes here. */
const OUTSIDE = `${WORKSPACE}/.probe-outside`;
const SWAP_MS = 1500;
const REFUSAL_MS = 5000;

const HOSTILE: readonly (readonly [string, readonly ArchiveEntry[]])[] = [
  ['`..`', [{ name: '../.probe-outside/escaped', content: 'x' }]],
  ['`..` in the middle', [{ name: 'a/../../.probe-outside/escaped', content: 'x' }]],
  ['an absolute path', [{ name: `${OUTSIDE}/escaped`, content: 'x' }]],
  ['a link, and then through it', [{ name: 'out', type: 'symlink', linkname: OUTSIDE }, { name: 'out/escaped', content: 'x' }]],
  ['a hard link', [{ name: 'hard', type: 'link', linkname: '../.probe-outside/secret' }]],
  ['a character device', [{ name: 'device', type: 'character-device', devmajor: 1, devminor: 3 }]],
  ['a block device', [{ name: 'device', type: 'block-device', devmajor: 7, devminor: 0 }]],
  ['a FIFO', [{ name: 'fifo', type: 'fifo' }]],
];

export const FILES: readonly Check[] = [
  asking('files', [13], 'the root is read-only', 'read-only-root'),
  asking('files', [13], 'what can be written is memory, or a disk, of its own', 'writable-mounts'),
  asking('files', [14], 'nothing can be mounted, remounted or unmounted', 'remount'),
  asking('files', [15], 'no device of the host is there or can be made', 'block-devices'),
  asking('files', [16], '/dev holds only what it must', 'devices'),
  asking('files', [18], 'no mount is shared with the host', 'propagation'),
  { rows: [19], group: 'files', title: 'files are not reached through symbolic links', run: (place) => inCage(place, symbolicLinks) },
  { rows: [20], group: 'files', title: 'no hard link leads out', run: (place) => place.ask('hard-links', [], { cwd: WORKSPACE }) },
  { rows: [21], group: 'files', title: 'a directory that becomes a link meanwhile leads nowhere', run: (place) => inCage(place, swappedDirectory) },
  { rows: [22], group: 'files', title: 'a hostile archive writes nothing outside, and makes no device', run: (place) => inCage(place, hostileArchives) },
  { rows: [23], group: 'files', title: 'a FIFO or a device is no artifact, and keeps nobody waiting', run: (place) => inCage(place, specialFiles) },
];

async function inCage(place: ProbedPlace, run: (place: ProbedPlace) => Promise<Judgement>): Promise<Judgement> {
  const { files } = place.target;
  try {
    for (const folder of [CAGE, OUTSIDE]) await files.mkdir(folder);
    await files.write(`${OUTSIDE}/secret`, Buffer.from('outside'));
    return await run(place);
  } finally {
    for (const folder of [CAGE, OUTSIDE]) await files.remove(folder, { recursive: true });
  }
}

async function symbolicLinks({ target: { files } }: ProbedPlace): Promise<Judgement> {
  await files.unpack(CAGE, archiveOf([{ name: 'file', type: 'symlink', linkname: `${OUTSIDE}/secret` }, { name: 'folder', type: 'symlink', linkname: OUTSIDE }]));
  const tries: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['read of a link', () => files.read(`${CAGE}/file`)],
    ['read through a link', () => files.read(`${CAGE}/folder/secret`)],
    ['write through a link', () => files.write(`${CAGE}/folder/escaped`, Buffer.from('x'))],
    ['list through a link', () => files.list(`${CAGE}/folder`)],
    ['removal through a link', () => files.remove(`${CAGE}/folder/secret`)],
    ['rename through a link', () => files.rename(`${CAGE}/folder/secret`, `${CAGE}/taken`)],
  ];
  const said: string[] = [];
  for (const [what, attempt] of tries) {
    const refusal = await refusalOf(attempt());
    if (refusal === undefined) return broken(`a ${what} was let through`);
    said.push(`${what}: ${refusal}`);
  }
  return held(said.join(', '));
}

/** The program swaps `door` and `trap` as fast as it can, while files are asked for through `door`. */
async function swappedDirectory(place: ProbedPlace): Promise<Judgement> {
  const { files } = place.target;
  const swapping = place.start('swap', [CAGE, OUTSIDE, SWAP_MS]);
  const output = swapping.output[Symbol.asyncIterator]();
  if ((await output.next()).done === true) return broken(`nothing was swapped: ${describeEnd(await swapping.end)}`);
  let over = false;
  const ended = swapping.end.then(() => (over = true));
  let inside = 0;
  let refused = 0;
  while (!over) {
    const [read] = await Promise.allSettled([files.read(`${CAGE}/door/secret`), files.write(`${CAGE}/door/written`, Buffer.from('x')), files.list(`${CAGE}/door`)]);
    if (read.status === 'rejected') refused += 1;
    else if (read.value.toString() === 'inside') inside += 1;
    else return broken(`after ${inside + refused} tries a file outside was read`);
  }
  await ended;
  for await (const _ of { [Symbol.asyncIterator]: () => output });
  if (await exists(files, `${OUTSIDE}/written`)) return broken('a file was written outside');
  return held(`${inside} reads found what was inside, ${refused} were refused`);
}

async function hostileArchives({ target: { files } }: ProbedPlace): Promise<Judgement> {
  const said: string[] = [];
  for (const [what, entries] of HOSTILE) {
    const refusal = await refusalOf(files.unpack(CAGE, archiveOf(entries)));
    if (await exists(files, `${OUTSIDE}/escaped`)) return broken(`${what} wrote a file outside`);
    if (refusal === undefined) return broken(`${what} was accepted`);
    said.push(`${what}: ${refusal}`);
  }
  return held(said.join(', '));
}

async function specialFiles(place: ProbedPlace): Promise<Judgement> {
  const { files } = place.target;
  const made = await place.ask('make-fifo', [`${CAGE}/fifo`]);
  if (made.verdict !== 'held') return made;
  const reads: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a FIFO', () => files.read(`${CAGE}/fifo`)],
    ['/dev/zero', () => files.read('/dev/zero', { maxBytes: 1 })],
    ['/dev/tty', () => files.read('/dev/tty')],
  ];
  for (const [what, read] of reads) if ((await refusalOf(read())) === undefined) return broken(`${what} was read`);
  const packed = await refusalOf(Array.fromAsync(files.pack(CAGE)));
  return held(`refused: ${reads.map(([what]) => what).join(', ')}; a folder with a FIFO in it is ${packed === undefined ? 'packed without it' : `refused with ${packed}`}`);
}

/** The errno with which it was refused; undefined when it was not. Errors: what is no refusal, a deadline among them. */
async function refusalOf(attempt: Promise<unknown>): Promise<string | undefined> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(() => deadline.reject(new GloveboxError('deadline', `there was no refusal within ${REFUSAL_MS / 1000} s`)), REFUSAL_MS);
  try {
    await Promise.race([attempt, deadline.promise]);
    return undefined;
  } catch (error) {
    if (error instanceof GloveboxError && error.code === 'file_failed') return String(error.details['errno'] ?? describeError(error));
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function exists(files: SandboxFiles, path: string): Promise<boolean> {
  return (await refusalOf(files.stat(path))) === undefined;
}
