import { GloveboxError, type Policy, type SandboxKind } from '../contracts/index.ts';
import type { ImageChoice, Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** What a session is told of its image. */
interface SessionImage {
  readonly image: string;
  readonly imageReference?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Wish {
  /** `--image`; where it is absent, the policy's own. */
  readonly asked: string | undefined;
  readonly policy: Policy;
  readonly kinds: readonly SandboxKind[];
}

/** Finds the image that was asked for, and builds or pulls it where the engine does not have it. Errors: those of `Images.choose` and of preparing. */
export async function sessionImage(services: Services, terminal: Terminal, { asked, policy, kinds }: Wish, signal: AbortSignal): Promise<SessionImage> {
  const choice = asked === undefined ? await services.images.chooseName(policy.grant.image) : await services.images.choose(asked);
  for (const note of choice.notes) terminal.note(`${asked}: ${note}`, 'dim');
  const image = choice.name;
  // Nothing is built or fetched for a session that will be refused. The session decides, and writes it down; this only looks ahead.
  if (policy.decide({ action: 'session.open', kinds, image, limits: policy.grant.sandbox }).effect === 'deny') return { image };
  if (kinds.every((kind) => kind === 'process')) return onThisMachine(choice, terminal, asked);
  try {
    const { id, env } = await choice.prepare({ onLine: (line) => terminal.note(line, 'dim'), signal });
    return { image, imageReference: id, ...(Object.keys(env).length === 0 ? {} : { env }) };
  } catch (error) {
    const isAlone = error instanceof GloveboxError && error.code === 'engine_unavailable' && kinds.includes('process');
    if (!isAlone || choice.isBuilt) throw error;
    return onThisMachine(choice, terminal, asked);
  }
}

/** A process sandbox has no image. Whoever named one by its name is told; whoever wants one built would not get what was described. */
function onThisMachine(choice: ImageChoice, terminal: Terminal, asked: string | undefined): SessionImage {
  if (choice.isBuilt) throw new GloveboxError('usage', `--image ${asked}: process sandboxes have this machine's programs and no image: choose another kind, or leave --image away`);
  if (asked !== undefined) terminal.note(`process sandboxes have this machine's programs, not those of ${choice.name}`, 'yellow');
  return { image: choice.name };
}
