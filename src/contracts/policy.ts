import { z } from 'zod';
import type { CanaryGrant } from './anomaly.ts';
import type { ApprovalGrant } from './approval.ts';
import type { Action, Decision, DecisionRequest } from './decision.ts';
import type { CommandLimits, SandboxLimits, SessionLimits } from './limits.ts';
import { bytes, duration } from './limits.ts';
import type { HostFunctionGroup, JavaScriptPlace } from './javascript.ts';
import { NAME_PATTERN, type Principal } from './principal.ts';
import { REGISTRY_KINDS, type RegistryKind } from './registry.ts';
import type { SandboxKind } from './sandbox.ts';

const globs = z.array(z.string().min(1));
const oneOrMany = z.union([z.string().min(1).transform((one) => [one]), z.array(z.string().min(1)).min(1)]);

const sandboxKind = z.enum(['gvisor', 'container', 'process']);

const ACTIONS = [
  'session.open',
  'command.exec',
  'javascript.run',
  'context.run',
  'file.read',
  'file.write',
  'file.delete',
  'file.list',
  'network.connect',
  'credential.use',
  'tool.call',
  'model.call',
  'export.patch',
] as const satisfies readonly Action[];
/** Node's timers end at 24 days. */
const LONGEST_WAIT_MS = 14 * 86_400_000;

/** What becomes of a patch in which something was found. */
const guard = z.enum(['ask', 'deny']);

/** A rule on commands: a program by name, and arguments that must stand at the start of its own. */
const commandRule = z.strictObject({
  program: oneOrMany.describe('base name of the program, or * for any'),
  args: z.array(z.string()).optional().describe('arguments that its own must begin with'),
  reason: z.string().optional(),
});

/** A destination that a session may reach. */
const networkRule = z.union([
  z.strictObject({ registries: z.array(z.enum(REGISTRY_KINDS)).min(1).describe("read from where the operator's own configuration of these clients says") }),
  z.strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).optional(),
    tcp: z.int().min(1).max(65_535).optional(),
    methods: z.array(z.string()).optional(),
    paths: globs.optional(),
    websocket: z.boolean().optional().describe('requests may become WebSockets'),
    private: z.boolean().optional().describe('the name may lead to this machine or into a private network'),
  }),
]);

/** Where a credential may go, and nowhere else; always over TLS. */
const credentialBinding = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).optional(),
  methods: z.array(z.string().min(1)).min(1).optional(),
  paths: globs.min(1).optional(),
  in: z.array(z.enum(['header', 'query', 'body'])).min(1).optional().describe('where in a request; headers and Basic auth where nothing is said'),
});

/** A credential that sessions are lent, and never see. */
const credential = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, 'lower-case letters, digits, _ and -, starting with a letter'),
  placeholder: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'the name of a variable').describe('the variable that what stands for it is in'),
  aws_key_id: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'the name of a variable').optional().describe('it is a pair of keys of AWS or of what speaks like it: their id is in this variable, and requests that are signed with them are signed anew on the way out'),
  bind: z.union([credentialBinding.transform((one) => [one]), z.array(credentialBinding).min(1)]),
});

/** A policy as a person writes it: `policies/<name>/policy.yaml`. */
export const policyDocument = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'lower-case letters, digits and dashes, starting with a letter'),
  description: z.string().optional(),
  extends: z.string().optional().describe('a policy that this one narrows: the stricter limit wins, and its deny rules stay'),
  mode: z.enum(['enforce', 'observe']).optional().describe('observe: what would be denied or asked about is written down and let pass; only where everything that it extends says so, too'),
  sandbox: z
    .strictObject({
      image: z.string().min(1).optional().describe('what a session gets that asks for none'),
      images: globs.optional().describe('what a session may ask for: names or globs; without it, only `image`'),
      kinds: z.array(sandboxKind).min(1).optional().describe('kinds accepted, in order of preference'),
      hard_limits: z.boolean().optional().describe('refuse a sandbox whose limits are not held by the kernel'),
    })
    .optional(),
  limits: z
    .strictObject({
      cpu: z.number().positive().optional(),
      memory: bytes.optional(),
      pids: z.int().min(16).optional(),
      disk: bytes.optional(),
      inodes: z.int().positive().optional(),
      open_files: z.int().min(16).optional(),
    })
    .optional(),
  command: z.strictObject({ wall: duration.optional(), cpu: duration.optional(), output: bytes.optional() }).optional(),
  session: z.strictObject({ wall: duration.optional(), idle: duration.optional() }).optional(),
  files: z
    .strictObject({ read: globs.optional(), write: globs.optional(), deny: globs.optional(), review: globs.optional() })
    .optional(),
  commands: z
    .strictObject({
      allow: z.array(commandRule).optional(),
      exactly: z.array(z.array(z.string()).min(1)).optional().describe('whole commands, word by word: allowed even where it cannot be seen for certain what they run'),
      ask: z.array(commandRule).optional(),
      deny: z.array(commandRule).optional(),
    })
    .optional(),
  javascript: z
    .strictObject({
      memory: bytes.optional().describe('the heap of a program'),
      languages: z.array(z.enum(['javascript', 'typescript'])).optional().describe('what programs may be written in; both by default'),
      place: z.enum(['host', 'sandbox']).optional().describe('where the process is that holds the isolate: on this host, or in a sandbox of its own'),
      functions: z.array(z.enum(['files', 'tools', 'fetch'])).optional().describe('what of the host a program may be given to call'),
    })
    .optional()
    .describe('JavaScript in an isolate; without it there is none'),
  network: z.array(networkRule).optional(),
  install_scripts: z.enum(['deny', 'allow']).optional().describe('whether clients of registries are told to run what packages bring along to be run at installation; deny where nothing is said'),
  registry_cache: bytes.optional().describe('how much of what registries answer is kept on this machine for the sessions of the tenant, where the answers allow it; nothing where nothing is said'),
  credentials: z.array(credential).optional(),
  canaries: z.union([z.boolean(), z.array(z.enum(['env', 'files'])).min(1)]).optional().describe('credentials that are none, planted in sandboxes that have a way out: one that comes up in a request, an output or a patch is told, and goes nowhere'),
  on_canary: z.enum(['report', 'stop']).optional().describe('stop: a session in which one came up ends'),
  egress: z
    .strictObject({
      requests: z.int().positive().optional().describe('of a session, refused ones too'),
      rate: z.int().positive().optional().describe('requests a second'),
      connections: z.int().positive().optional().describe('at once'),
      upload: bytes.optional().describe('of a session'),
      download: bytes.optional().describe('of a session'),
    })
    .optional()
    .describe('how much may go through what `network` opens'),
  tools: z.strictObject({ allow: z.array(z.string()).optional(), deny: z.array(z.string()).optional() }).optional(),
  models: z.strictObject({ allow: globs.optional(), hosts: globs.optional().describe('where calls of models may go, by the host of their address: api.eu.example.com, *.eu-west-1.amazonaws.com') }).optional(),
  budget: z
    .strictObject({ usd: z.number().nonnegative().optional(), tokens: z.int().nonnegative().optional(), steps: z.int().nonnegative().optional() })
    .optional(),
  approvals: z
    .strictObject({
      by: z.array(z.string().regex(NAME_PATTERN, 'the name of a role')).min(1).optional().describe('roles of which whoever answers has one'),
      expires: duration.refine((ms) => ms <= LONGEST_WAIT_MS, 'approvals.expires: expected at most 14d').optional().describe('how long a question waits for an answer'),
      for: z.array(z.enum(ACTIONS)).min(1).optional().describe('what somebody is waited for; of everything else only whoever sits at the terminal is asked, and without one it is refused'),
      own: z.boolean().optional().describe('whether somebody may answer what he asked for himself'),
    })
    .optional()
    .describe('who may say yes where this policy asks; without it only whoever sits at the terminal'),
  export: z
    .strictObject({
      max_files: z.int().nonnegative().optional(),
      max_bytes: bytes.optional(),
      secrets: guard.optional().describe('a credential among the lines that are added'),
      binary: guard.optional().describe('a file that is no text'),
      symlinks: guard.optional().describe('a link that leads out of the repository, or into .git'),
      allow: globs.optional(),
      ask: globs.optional(),
      deny: globs.optional(),
    })
    .optional(),
});
export type PolicyDocument = z.output<typeof policyDocument>;

/** How much a session may send and get. */
export interface EgressLimits {
  /** Refused ones count, too. */
  readonly requests: number;
  /** In the long run; so many may come at once. */
  readonly requestsPerSecond: number;
  readonly connections: number;
  readonly uploadBytes: number;
  readonly downloadBytes: number;
}

/** A place that some rule names. */
export interface NetworkDestination {
  /** A canonical name, an address, or `*.` and a name. */
  readonly host: string;
  readonly port: number;
  /** Bytes that nobody looks at, instead of HTTP requests that are decided one by one. */
  readonly tcp: boolean;
}

/** What of the network there is for a session. */
export interface NetworkGrant {
  /** What is not among them no request can reach. What is among them may still be refused: that is for `decide`. */
  readonly destinations: readonly NetworkDestination[];
  /** Those that some request could be allowed to read from. */
  readonly registries: readonly RegistryKind[];
  /** What their clients are told; a program may do otherwise, in its sandbox. */
  readonly installScripts: 'deny' | 'allow';
  /** What their answers may take on this machine, of each tenant; undefined where none are kept. */
  readonly registryCacheBytes?: number;
  readonly limits: EgressLimits;
}

/** A credential that a session is lent. */
export interface CredentialGrant {
  readonly id: string;
  /** The variable that the placeholder is in. */
  readonly variable: string;
  /** Whether any place that it is bound to is a body: others are not looked through. */
  readonly inBody: boolean;
  /** The variable that the id is in, where it is a pair of keys to sign with. */
  readonly keyIdVariable?: string;
}

/** What a policy lends to a session: the sandbox it gets and how much it may use. */
export interface PolicyGrant {
  readonly image: string;
  readonly kinds: readonly SandboxKind[];
  readonly hardLimits: boolean;
  readonly sandbox: SandboxLimits;
  readonly command: CommandLimits;
  readonly session: SessionLimits;
  readonly javascript: { readonly memoryBytes: number; readonly place: JavaScriptPlace; readonly functions: readonly HostFunctionGroup[] };
  readonly budget: { readonly usd: number; readonly tokens: number; readonly steps: number };
  /** Undefined: nobody is asked but whoever sits at the terminal. */
  readonly approvals?: ApprovalGrant;
  /** Undefined where no destination is named: its sandboxes have no way out at all. */
  readonly network?: NetworkGrant;
  /** Names in braces that its paths have; without a value, what has them matches nothing. */
  readonly variables: readonly string[];
  /** Where each may go is for `decide`. */
  readonly credentials: readonly CredentialGrant[];
  /** Undefined where none are planted. */
  readonly canaries?: CanaryGrant;
}

/** A rule that can speak. */
export interface PolicyRule {
  /** As a reason names it: `commands.deny[0]`. */
  readonly rule: string;
  readonly file: string;
  readonly line: number;
}

/** Something about a rule that its author should look at. */
export interface PolicyFinding extends PolicyRule {
  readonly text: string;
  /** What was meant, and still has to be known by whoever reads the policy. */
  readonly isNote?: true;
}

/** One version of one policy. It never changes; a changed file is another version. */
export interface Policy {
  readonly name: string;
  /** `sha256:…` of its canonical content, with everything that it extends. */
  readonly hash: string;
  /** `observe`: what it denies or asks about passes, but for what no mode opens (docs/policy.md). */
  readonly mode: 'enforce' | 'observe';
  readonly grant: PolicyGrant;
  /** Default deny. Pure and synchronous: the same request of the same principal has the same answer for ever. Without a principal it is nobody's, in no tenant. */
  decide(request: DecisionRequest, principal?: Principal): Decision;
}

/** A policy that was read from a file. */
export interface PolicyFile extends Policy {
  readonly file: string;
  /** Its own rules, then those of what it extends. */
  readonly rules: readonly PolicyRule[];
  /** Its own, then those that it extends. */
  readonly documents: readonly PolicyDocument[];
  /** Whether the request is in a form that rules can be held against; what is not is denied by any policy. */
  canJudge(request: DecisionRequest): boolean;
  /** Its own rules that can never decide anything, that others get round, or that do not reach everything. */
  lint(): readonly PolicyFinding[];
  /** What it compiles to: the Cedar policies that decide, each with its place. */
  cedar(): string;
}

/** Finds policies by name or path. Errors: `policy_not_found`, `policy_invalid` with file, line and what was expected. */
export interface Policies {
  load(nameOrPath: string): Promise<PolicyFile>;
  /** A policy that is in no file yet, as if it were in this one: what it extends is found from there. */
  compile(text: string, file: string): Promise<PolicyFile>;
  names(): Promise<readonly string[]>;
}
