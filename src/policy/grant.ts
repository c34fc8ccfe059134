import type { ApprovalGrant, EgressLimits, PolicyDocument, PolicyGrant, SandboxKind, SandboxLimits } from '../contracts/index.ts';
import { destinationsOf, registriesOf, variablesOf } from './destinations.ts';
import type { DocumentPath, Layer } from './document/layer.ts';
import { ruleName } from './document/layer.ts';
import { invalidAt } from './document/read-policy.ts';
import { Glob } from './glob.ts';

const MIB = 2 ** 20;

/** What holds where no policy of a chain says anything. */
export const DEFAULTS = {
  image: 'base',
  /** Those that we build ourselves. */
  images: ['base', 'node', 'python', 'data', 'polyglot'],
  kinds: ['gvisor', 'container'],
  sandbox: { cpu: 1, memoryBytes: 512 * MIB, pids: 256, diskBytes: 512 * MIB, inodes: 100_000, openFiles: 1024 },
  command: { wallMs: 2 * 60_000, outputBytes: MIB },
  session: { wallMs: 30 * 60_000, idleMs: 5 * 60_000 },
  javascript: { memoryBytes: 128 * MIB, place: 'host', functions: [] },
  budget: { usd: 1, tokens: 500_000, steps: 50 },
  approvals: { by: ['approver'], expiresMs: 24 * 60 * 60_000 },
  egress: { requests: 100_000, requestsPerSecond: 500, connections: 256, uploadBytes: 2 ** 30, downloadBytes: 16 * 2 ** 30 },
  filesWrite: ['/workspace/**', '/tmp/**'],
} as const satisfies Omit<PolicyGrant, 'hardLimits' | 'approvals' | 'credentials' | 'variables'> & { images: readonly string[]; approvals: Omit<ApprovalGrant, 'own'>; egress: EgressLimits; filesWrite: readonly string[] };

/** A number that may not be exceeded, and who said so: no `file` where it is our default. */
export interface Ceiling {
  readonly value: number;
  readonly rule: string;
  readonly file?: string;
  readonly line?: number;
}

type Read = (document: PolicyDocument) => number | undefined;

/** The strictest that any layer states. */
function ceiling(layers: readonly Layer[], path: DocumentPath, read: Read, fallback: number): Ceiling {
  return stated(layers, path, read) ?? { value: fallback, rule: ruleName(path) };
}

function stated(layers: readonly Layer[], path: DocumentPath, read: Read): Ceiling | undefined {
  let least: Ceiling | undefined;
  for (const layer of layers) {
    const value = read(layer.document);
    if (value === undefined || (least !== undefined && least.value <= value)) continue;
    least = { value, rule: ruleName(path), file: layer.file, line: layer.lineOf(path) };
  }
  return least;
}

/** Where each limit of a sandbox stands in a document. */
const SANDBOX_LIMITS = {
  cpu: 'cpu',
  memoryBytes: 'memory',
  pids: 'pids',
  diskBytes: 'disk',
  inodes: 'inodes',
  openFiles: 'open_files',
} as const satisfies Record<keyof SandboxLimits, keyof NonNullable<PolicyDocument['limits']>>;

export function sandboxCeilings(layers: readonly Layer[]): Readonly<Record<keyof SandboxLimits, Ceiling>> {
  const of = (limit: keyof SandboxLimits): Ceiling => {
    const key = SANDBOX_LIMITS[limit];
    return ceiling(layers, ['limits', key], (document) => document.limits?.[key], DEFAULTS.sandbox[limit]);
  };
  return { cpu: of('cpu'), memoryBytes: of('memoryBytes'), pids: of('pids'), diskBytes: of('diskBytes'), inodes: of('inodes'), openFiles: of('openFiles') };
}

export function budgetCeilings(layers: readonly Layer[]): Readonly<Record<'usd' | 'tokens' | 'steps', Ceiling>> {
  const of = (key: 'usd' | 'tokens' | 'steps'): Ceiling => ceiling(layers, ['budget', key], (document) => document.budget?.[key], DEFAULTS.budget[key]);
  return { usd: of('usd'), tokens: of('tokens'), steps: of('steps') };
}

/** What a chain of policies lends. Errors: `policy_invalid` where the chain leaves no kind or no image. */
export function grantOf(layers: readonly Layer[]): PolicyGrant {
  const limits = sandboxCeilings(layers);
  const budget = budgetCeilings(layers);
  const approvals = approvalsOf(layers);
  return {
    image: imageOf(layers),
    kinds: kindsOf(layers),
    hardLimits: layers.some((layer) => layer.document.sandbox?.hard_limits === true),
    sandbox: {
      cpu: limits.cpu.value,
      memoryBytes: limits.memoryBytes.value,
      pids: limits.pids.value,
      diskBytes: limits.diskBytes.value,
      inodes: limits.inodes.value,
      openFiles: limits.openFiles.value,
    },
    command: commandLimits(layers),
    session: {
      wallMs: ceiling(layers, ['session', 'wall'], (document) => document.session?.wall, DEFAULTS.session.wallMs).value,
      idleMs: ceiling(layers, ['session', 'idle'], (document) => document.session?.idle, DEFAULTS.session.idleMs).value,
    },
    javascript: {
      memoryBytes: ceiling(layers, ['javascript', 'memory'], (document) => document.javascript?.memory, DEFAULTS.javascript.memoryBytes).value,
      // The stricter of two: a sandbox holds what a process of the host does not.
      place: layers.some(({ document }) => document.javascript?.place === 'sandbox') ? 'sandbox' : DEFAULTS.javascript.place,
      functions: functionsOf(layers),
    },
    budget: { usd: budget.usd.value, tokens: budget.tokens.value, steps: budget.steps.value },
    ...(approvals === undefined ? {} : { approvals }),
    ...networkOf(layers),
    variables: variablesOf(layers),
    credentials: credentialsOf(layers),
    ...canariesOf(layers),
  };
}

/** Roles and actions that every layer names, for the shortest time, and for oneself only where every layer that speaks of approvals says so. Errors: `policy_invalid` where no role is left. */
function approvalsOf(layers: readonly Layer[]): ApprovalGrant | undefined {
  const stating = layers.filter((layer) => layer.document.approvals !== undefined);
  if (stating.length === 0) return undefined;
  const [nearest, ...others] = stating.filter((layer) => layer.document.approvals?.by !== undefined);
  const named = nearest?.document.approvals?.by ?? DEFAULTS.approvals.by;
  const by = named.filter((role) => others.every((other) => other.document.approvals?.by?.includes(role)));
  if (nearest !== undefined && by.length === 0) {
    const above = others.map((other) => `${other.document.name}: ${other.document.approvals?.by?.join(', ')}`).join('; ');
    throw invalidAt(nearest, ['approvals', 'by'], `approvals.by: expected a role that the policies above name (${above}), found ${named.join(', ')}`);
  }
  const lists = stating.flatMap((layer) => layer.document.approvals?.for ?? []);
  const waited = [...new Set(lists)].filter((action) => stating.every((layer) => layer.document.approvals?.for?.includes(action) ?? true));
  const { value: expiresMs } = ceiling(layers, ['approvals', 'expires'], (document) => document.approvals?.expires, DEFAULTS.approvals.expiresMs);
  return { by, expiresMs, own: stating.every((layer) => layer.document.approvals?.own === true), ...(lists.length === 0 ? {} : { for: waited }) };
}

const EGRESS_LIMITS = {
  requests: 'requests',
  requestsPerSecond: 'rate',
  connections: 'connections',
  uploadBytes: 'upload',
  downloadBytes: 'download',
} as const satisfies Record<keyof EgressLimits, keyof NonNullable<PolicyDocument['egress']>>;

function networkOf(layers: readonly Layer[]): Pick<PolicyGrant, 'network'> {
  const destinations = destinationsOf(layers);
  const registries = registriesOf(layers);
  if (destinations.length + registries.length === 0) return {};
  const scripts = layers.flatMap(({ document }) => document.install_scripts ?? []);
  const installScripts = scripts.length > 0 && scripts.every((one) => one === 'allow') ? 'allow' : 'deny';
  const of = (limit: keyof EgressLimits): number => {
    const key = EGRESS_LIMITS[limit];
    return ceiling(layers, ['egress', key], (document) => document.egress?.[key], DEFAULTS.egress[limit]).value;
  };
  const limits = { requests: of('requests'), requestsPerSecond: of('requestsPerSecond'), connections: of('connections'), uploadBytes: of('uploadBytes'), downloadBytes: of('downloadBytes') };
  const cache = Math.min(...layers.flatMap(({ document }) => document.registry_cache ?? []));
  return { network: { destinations, registries, installScripts, limits, ...(cache > 0 && Number.isFinite(cache) ? { registryCacheBytes: cache } : {}) } };
}

/** Those that every layer lends that says anything of them, by the variables of the one that is nearest to the session. */
function credentialsOf(layers: readonly Layer[]): PolicyGrant['credentials'] {
  const [nearest = [], ...others] = layers.flatMap(({ document }) => (document.credentials === undefined ? [] : [document.credentials]));
  return nearest.filter(({ id }) => others.every((list) => list.some((other) => other.id === id))).map(({ id, placeholder, aws_key_id: keyIdVariable, bind }) => ({ id, variable: placeholder, inBody: bind.some((one) => one.in?.includes('body') === true), ...(keyIdVariable === undefined ? {} : { keyIdVariable }) }));
}

/** Wherever any layer plants them; the session ends where any says so. */
function canariesOf(layers: readonly Layer[]): Pick<PolicyGrant, 'canaries'> {
  const said = layers.flatMap(({ document: { canaries } }) => (Array.isArray(canaries) ? canaries : canaries === true ? (['env', 'files'] as const) : []));
  if (said.length === 0) return {};
  return { canaries: { env: said.includes('env'), files: said.includes('files'), found: layers.some(({ document }) => document.on_canary === 'stop') ? 'stop' : 'report' } };
}

function commandLimits(layers: readonly Layer[]): PolicyGrant['command'] {
  const cpu = stated(layers, ['command', 'cpu'], (document) => document.command?.cpu);
  return {
    wallMs: ceiling(layers, ['command', 'wall'], (document) => document.command?.wall, DEFAULTS.command.wallMs).value,
    outputBytes: ceiling(layers, ['command', 'output'], (document) => document.command?.output, DEFAULTS.command.outputBytes).value,
    ...(cpu === undefined ? {} : { cpuMs: cpu.value }),
  };
}

/** What of the host every layer that speaks of it lends to programs. */
function functionsOf(layers: readonly Layer[]): PolicyGrant['javascript']['functions'] {
  const [nearest = DEFAULTS.javascript.functions, ...others] = layers.map(({ document }) => document.javascript?.functions).filter((list) => list !== undefined);
  return nearest.filter((name) => others.every((other) => other.includes(name)));
}

/** Kinds that every layer accepts, in the order of the one that is nearest to the session. */
function kindsOf(layers: readonly Layer[]): readonly SandboxKind[] {
  const lists = layers.flatMap(kindList);
  const [nearest, ...others] = lists;
  if (nearest === undefined) return DEFAULTS.kinds;
  const kinds = nearest.kinds.filter((kind) => others.every((other) => other.kinds.includes(kind)));
  if (kinds.length > 0) return kinds;
  const parents = others.map((other) => `${other.layer.document.name}: ${other.kinds.join(', ')}`).join('; ');
  throw invalidAt(nearest.layer, ['sandbox', 'kinds'], `sandbox.kinds: expected a kind that the policies above accept (${parents}), found ${nearest.kinds.join(', ')}`);
}

function kindList(layer: Layer): { layer: Layer; kinds: readonly SandboxKind[] }[] {
  const kinds = layer.document.sandbox?.kinds;
  return kinds === undefined ? [] : [{ layer, kinds }];
}

/** What a layer says of images: `images`, or `image` alone; undefined where it says nothing. */
export function imagesOf(layer: Layer): { readonly globs: readonly string[]; readonly path: DocumentPath } | undefined {
  const { image, images } = layer.document.sandbox ?? {};
  if (images !== undefined) return { globs: images, path: ['sandbox', 'images'] };
  return image === undefined ? undefined : { globs: [image], path: ['sandbox', 'image'] };
}

function imageOf(layers: readonly Layer[]): string {
  const chosen = layers.find((layer) => layer.document.sandbox?.image !== undefined);
  const image = chosen?.document.sandbox?.image ?? DEFAULTS.image;
  const refusing = layers.find((layer) => imagesOf(layer)?.globs.every((glob) => !new Glob(glob, 'name').matches(image)));
  if (refusing === undefined) return image;
  const list = imagesOf(refusing);
  if (chosen === undefined) {
    throw invalidAt(refusing, list?.path ?? [], `sandbox.images: expected sandbox.image beside it, because the default image ${image} is not in it, found none`);
  }
  const wanted = list?.globs.join(', ') ?? '';
  throw invalidAt(chosen, ['sandbox', 'image'], `sandbox.image: expected one of ${wanted} (${refusing.document.name}), found ${image}`);
}
