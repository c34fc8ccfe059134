import type { DecisionRequest, Reason, SandboxLimits } from '../../contracts/index.ts';
import type { Layer } from '../document/layer.ts';
import { reasonOf } from '../document/layer.ts';
import { type Ceiling, DEFAULTS, imagesOf, sandboxCeilings } from '../grant.ts';
import { byDefault, orDefault, type Reasons } from '../verdict.ts';
import { GlobList } from './glob-list.ts';

type SessionRequest = Extract<DecisionRequest, { action: 'session.open' }>;

/** Whether a session may have the sandbox that it asks for: kinds, image and limits within what is granted. */
export class SessionRules {
  readonly #layers: readonly Layer[];
  readonly #images: readonly GlobList[];
  readonly #ceilings: Readonly<Record<keyof SandboxLimits, Ceiling>>;

  constructor(layers: readonly Layer[]) {
    this.#layers = layers.filter((layer) => layer.document.sandbox?.kinds !== undefined);
    this.#images = layers.flatMap((layer) => {
      const images = imagesOf(layer);
      return images === undefined ? [] : [new GlobList(layer, images.path, images.globs, 'name')];
    });
    this.#ceilings = sandboxCeilings(layers);
  }

  judge(request: SessionRequest): Reasons {
    const reasons = [...request.kinds.flatMap((kind) => this.#judgeKind(kind)), ...this.#judgeImage(request.image), ...this.#judgeLimits(request.limits)];
    if (request.kinds.length === 0) return byDefault('deny', 'it accepts no kind of sandbox');
    return orDefault(reasons, byDefault('allow', 'the sandbox is within what this policy grants'));
  }

  #judgeKind(kind: SessionRequest['kinds'][number]): Reason[] {
    const refusing = this.#layers.filter((layer) => !layer.document.sandbox?.kinds?.includes(kind));
    const reasons = refusing.map((layer) => reasonOf(layer, 'deny', ['sandbox', 'kinds'], `${kind} is not in the list`));
    if (this.#layers.length > 0 || DEFAULTS.kinds.some((one) => one === kind)) return reasons;
    return [...byDefault('deny', `without sandbox.kinds only ${DEFAULTS.kinds.join(' and ')} are accepted, not ${kind}`)];
  }

  #judgeImage(image: string): Reason[] {
    if (this.#images.length > 0) return this.#images.map((list) => list.admit(image));
    if (DEFAULTS.images.some((one) => one === image)) return [];
    return [...byDefault('deny', `without sandbox.images only ${DEFAULTS.images.join(', ')} are accepted, not ${image}`)];
  }

  #judgeLimits(limits: SandboxLimits): Reason[] {
    return LIMITS.flatMap((name) => {
      const { value, ...from } = this.#ceilings[name];
      // Written so that NaN is refused, too.
      if (limits[name] <= value) return [];
      return [{ effect: 'deny' as const, ...from, text: `${name} of ${limits[name]} is more than ${value}` }];
    });
  }
}

const LIMITS = ['cpu', 'memoryBytes', 'pids', 'diskBytes', 'inodes', 'openFiles'] as const satisfies readonly (keyof SandboxLimits)[];
