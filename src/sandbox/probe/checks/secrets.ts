import { HOME, WORKSPACE } from '../../../contracts/index.ts';
import { asking, broken, held, notApplicable } from '../check.ts';
import type { Check, Judgement } from '../check.ts';
import { finish, PROBE_PATH, readJudgement } from '../probed-place.ts';
import type { OutsideView, ProbedPlace } from '../probed-place.ts';

export const SECRETS: readonly Check[] = [
  asking('secrets', [64], 'no crash is dumped, to a file or to the host', 'core-dump'),
  { rows: [64], group: 'secrets', title: 'what was told in every way inside is in nothing that is kept outside', run: toldEverywhere },
];

/** Into files wherever may be written, to both outputs, and in the memory of what crashes. */
const TELLING = 'probe=$1; shift; for place in "$@"; do printenv GLOVEBOX_CANARY > "$place/.canary"; done; printenv GLOVEBOX_CANARY; printenv GLOVEBOX_CANARY >&2; exec "$probe" core-dump';
const PLACES = [WORKSPACE, HOME, '/tmp', '/dev/shm'];

async function toldEverywhere(place: ProbedPlace): Promise<Judgement> {
  const { canary, kept } = place;
  if (canary === undefined || kept === undefined) return notApplicable('nobody looks at what is kept');
  const told = await finish(place.start('', [], { argv: ['/bin/sh', '-c', TELLING, 'sh', PROBE_PATH, ...PLACES] }));
  if (!told.stdout.includes(canary) || !told.stderr.includes(canary) || readJudgement(told) === undefined) return broken('it was not told');
  const views = await kept();
  const found = views.find((view) => spellings(Buffer.from(canary)).some((spelling) => view.text.includes(spelling)));
  return found === undefined ? held(`it is not in ${namesOf(views)}`) : broken(`it is in ${found.name}`);
}

/** A secret as it is, and as hex and base64 would spell it. */
export function spellings(secret: Buffer): string[] {
  return [secret.toString('utf8'), secret.toString('hex'), secret.toString('base64').replaceAll('=', '')];
}

export function namesOf(views: readonly OutsideView[]): string {
  return views.map(({ name }) => name).join(', ');
}
