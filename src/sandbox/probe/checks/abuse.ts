import { WORKSPACE } from '../../../contracts/index.ts';
import { broken, held, together } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { describeEnd, finish, readJudgement } from '../probed-place.ts';
import type { ProbedPlace } from '../probed-place.ts';
import { tooMuchMemory } from './control-groups.ts';

const MiB = 2 ** 20;
const BOMB_MS = 1500;
const STAY_MS = 700;
const STUCK_MS = 500;
/** In a place that works, a command that does nothing is back long before. */
const ALIVE_MS = 6000;
const OUTPUT_BYTES = 64 * 1024;
const AT_ONCE = 8;
/** A daemon's name, as the kernel keeps it. */
const DAEMON = 'gbx-daemon';
/** The least memory that a file takes of the kernel's, so that this many cannot be had however they are counted. */
const LEAST_INODE_BYTES = 512;
/** Where a command may write in every kind of sandbox. */
const FILLED = [WORKSPACE, '/tmp', '/dev/shm'];

export const ABUSE: readonly Check[] = [
  { rows: [70], group: 'abuse', title: 'a full disk is full, and the place lives', run: fullDisk },
  { rows: [70], group: 'abuse', title: 'files without end come to one', run: fullOfFiles },
  { rows: [71], group: 'abuse', title: 'descriptors run out for whoever takes them', run: (place) => place.ask('open-files', [place.limits.openFiles + 64]) },
  { rows: [72], group: 'abuse', title: 'a flood of output ends, and is not kept', run: flood },
  { rows: [72], group: 'abuse', title: 'output is bytes, whatever a terminal would make of them', run: allBytes },
  { rows: [73], group: 'abuse', title: 'a daemon that ignores every signal dies with its command', run: stubborn },
  { rows: [74], group: 'abuse', title: 'a reader who does not read keeps nobody waiting', run: slowReader },
  { rows: [74], group: 'abuse', title: 'a writer who does not write keeps nobody waiting', run: slowWriter },
  { rows: [76], group: 'abuse', title: 'many short commands leave no zombie', run: manyCommands },
  { rows: [75], group: 'abuse', title: 'a memory hog is reported as such, and nothing else dies', run: memoryHog },
  { rows: [69], group: 'abuse', title: 'a fork bomb ends with its time, and the place lives', run: forkBomb },
];

/** Whether anything can still be run in there. */
async function alive(place: ProbedPlace): Promise<Judgement> {
  return (await place.ask('find-process', [DAEMON], { limits: { wallMs: ALIVE_MS } })).verdict === 'held' ? held('the next command works') : broken('the next command does not work');
}

async function fullDisk(place: ProbedPlace): Promise<Judgement> {
  const filled = await place.ask('fill-disk', [`${WORKSPACE}/.probe-full`, place.limits.diskBytes + 16 * MiB]);
  return together([filled, await alive(place)]);
}

async function fullOfFiles(place: ProbedPlace): Promise<Judgement> {
  const judgements: Judgement[] = [];
  for (const within of FILLED) {
    const judgement = await fillWithFiles(place, `${within}/.probe-files`);
    judgements.push(judgement);
    if (judgement.verdict === 'broken') break;
  }
  return together([...judgements, await alive(place)]);
}

/** Where no filesystem counts them, they are memory, and that is held. */
async function fillWithFiles(place: ProbedPlace, folder: string): Promise<Judgement> {
  await place.target.files.mkdir(folder);
  const outcome = await place.run('fill-inodes', [folder, Math.max(place.limits.inodes, place.limits.memoryBytes / LEAST_INODE_BYTES)]);
  const filled = outcome.end.cause === 'memory' ? held('they are memory, and that was held') : (readJudgement(outcome) ?? broken(describeEnd(outcome.end)));
  await place.target.files.remove(folder, { recursive: true });
  return filled;
}

async function flood(place: ProbedPlace): Promise<Judgement> {
  const { stdout, end } = await place.run('flood', [8 * OUTPUT_BYTES], { limits: { wallMs: ALIVE_MS, outputBytes: OUTPUT_BYTES } });
  if (end.cause !== 'output' || stdout.length > OUTPUT_BYTES) return broken(`${stdout.length} bytes came through, and it ended with ${describeEnd(end)}`);
  return held(`it was ended after ${stdout.length} bytes`);
}

async function allBytes(place: ProbedPlace): Promise<Judgement> {
  const { stdout } = await place.run('all-bytes');
  const expected = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), Buffer.from('\u001b[2J\u001b]0;title\u0007\u001b[?1049h\r\n\b\b', 'latin1')]);
  return stdout.equals(expected) ? held('NUL, escapes and all others arrived as they were') : broken(`${stdout.length} bytes arrived, and not those that were written`);
}

async function stubborn(place: ProbedPlace): Promise<Judgement> {
  const { stdout, end } = await place.run('stay', [DAEMON], { limits: { wallMs: STAY_MS } });
  if (!stdout.includes('away')) return broken(`the daemon never got away: ${describeEnd(end)}`);
  if (end.cause !== 'timeout' || end.tree !== 'dead') return broken(`it ended with ${describeEnd(end)}, its tree ${end.tree}`);
  return place.ask('find-process', [DAEMON]);
}

async function slowReader(place: ProbedPlace): Promise<Judgement> {
  const bytes = 3 * MiB;
  const flooding = place.start('flood', [bytes]);
  const output = flooding.output[Symbol.asyncIterator]();
  let received = (await output.next()).value?.bytes.length ?? 0;
  const others = await Promise.race([alive(place), patience('nothing else can be run meanwhile')]);
  if (others.verdict === 'broken') flooding.cancel(0);
  for (let next = await output.next(); next.done !== true; next = await output.next()) received += next.value.bytes.length;
  if (others.verdict === 'broken') return others;
  return received === bytes ? held(`others ran meanwhile, and all ${bytes} bytes arrived in the end`) : broken(`${received} of ${bytes} bytes arrived`);
}

async function slowWriter(place: ProbedPlace): Promise<Judgement> {
  const { end } = await place.run('read-all', [], { stdin: 'pipe', limits: { wallMs: STUCK_MS } });
  return end.cause === 'timeout' ? held('its time ended it') : broken(`it ended with ${describeEnd(end)}`);
}

async function manyCommands(place: ProbedPlace): Promise<Judgement> {
  for (let done = 0; done < place.manyCommands; done += AT_ONCE) {
    const outcomes = await Promise.all(Array.from({ length: AT_ONCE }, () => place.run('orphan')));
    const failed = outcomes.find(({ end }) => end.exitCode !== 0);
    if (failed !== undefined) return broken(`one of them ended with ${describeEnd(failed.end)}`);
  }
  return place.ask('zombies');
}

async function memoryHog(place: ProbedPlace): Promise<Judgement> {
  const bystander = place.start('read-all', [], { stdin: 'pipe' });
  const seen = finish(bystander);
  const hog = await place.run('eat-memory', [tooMuchMemory(place)]);
  await bystander.closeStdin();
  const { end } = await seen;
  if (hog.end.cause !== 'memory') return broken(`the hog is reported as ${describeEnd(hog.end)}`);
  if (end.exitCode !== 0) return broken(`a bystander ended with ${describeEnd(end)}`);
  return held(`cause memory, ${hog.end.oomKills.count} kills, and a bystander lived on`);
}

async function forkBomb(place: ProbedPlace): Promise<Judgement> {
  const { end } = await place.run('bomb', [place.limits.pids + 200], { limits: { wallMs: BOMB_MS } });
  if (end.cause !== 'timeout' || end.tree !== 'dead') return broken(`it ended with ${describeEnd(end)}, its tree ${end.tree}`);
  const next = await alive(place);
  return next.verdict === 'broken' ? next : held(`it ended with its time, having run into ${end.limitsHit.join(', ') || 'nothing that is counted'}, and the next command works`);
}

function patience(otherwise: string): Promise<Judgement> {
  return new Promise((resolve) => setTimeout(() => resolve(broken(otherwise)), ALIVE_MS).unref());
}
