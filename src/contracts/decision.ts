import type { BudgetAccount } from './budget.ts';
import type { ContextLanguage } from './context.ts';
import type { Stop } from './control.ts';
import type { HostFunctionGroup, JavaScriptLanguage } from './javascript.ts';
import type { RegistryKind, Variables } from './registry.ts';
import type { SandboxKind } from './sandbox.ts';
import type { SandboxLimits } from './limits.ts';

/** One question to policy, in canonical form. It is journalled as it stands, so that a backtest can ask it again. */
export type DecisionRequest =
  | {
      readonly action: 'session.open';
      readonly kinds: readonly SandboxKind[];
      readonly image: string;
      readonly limits: SandboxLimits;
      /** What the kill switch says of it. */
      readonly stopped?: Stop;
    }
  | { readonly action: 'command.exec'; readonly argv: readonly string[]; readonly cwd: string }
  /** `source` is the hash of the program (`sha256:…`); `functions` are what it may call of the host, each call of which is a question of its own. */
  | { readonly action: 'javascript.run'; readonly language: JavaScriptLanguage; readonly source: string; readonly functions: readonly HostFunctionGroup[] }
  /** Judged as the command that would run this code. */
  | { readonly action: 'context.run'; readonly language: ContextLanguage; readonly code: string; readonly cwd: string }
  | { readonly action: 'file.read' | 'file.write' | 'file.delete' | 'file.list'; readonly path: string }
  | {
      readonly action: 'network.connect';
      /** `ws` and `wss` are an HTTP request that is to become a WebSocket. */
      readonly scheme: 'http' | 'https' | 'ws' | 'wss' | 'tcp';
      readonly host: string;
      readonly port: number;
      readonly method?: string;
      readonly path?: string;
      /** Asked a second time: the name was resolved, and leads into a network that is not public. */
      readonly private?: true;
      /** What it reads from: said by egress, which knows where the operator's own configuration has its registries. */
      readonly registries?: readonly RegistryKind[];
      /** The session's, where the policy names any. */
      readonly variables?: Variables;
    }
  | {
      readonly action: 'credential.use';
      readonly credential: string;
      /** Where in the request. */
      readonly place: 'header' | 'query' | 'body';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly method: string;
      readonly path: string;
      /** The operator's own configuration has this credential for exactly this place. */
      readonly registry?: RegistryKind;
      readonly variables?: Variables;
    }
  | { readonly action: 'tool.call'; readonly tool: string; readonly version: string }
  | {
      readonly action: 'model.call';
      readonly provider: string;
      readonly model: string;
      /** Where the call goes; empty where nothing leaves this machine. Absent in what older versions recorded: nobody knows. */
      readonly host?: string;
      /** What the session has used, calls that are under way at their worst, and what this call may use at worst. */
      readonly spent: Spending;
      readonly worstCase: Spending;
      /** What an operator lets its tenant and its user have. */
      readonly accounts?: readonly BudgetAccount[];
    }
  | {
      readonly action: 'export.patch';
      readonly paths: readonly string[];
      readonly bytes: number;
      /** What the host found in it; nothing where nobody looked. */
      readonly found?: PatchFindings;
    };

/** What a patch holds beside text in files: paths, relative to the repository. Never a secret itself. */
export interface PatchFindings {
  /** Added lines that hold a credential, or could not be looked through: `<path>:<line> <what>`. */
  readonly secrets: readonly string[];
  readonly binaries: readonly string[];
  /** Links that lead out of the repository or into git's own folder: `<path> -> <target>`. */
  readonly links: readonly string[];
  /** Canaries of the session, by where they were planted. */
  readonly canaries?: readonly string[];
}

export type Action = DecisionRequest['action'];

export interface Spending {
  readonly usd: number;
  readonly tokens: number;
  readonly steps: number;
}

export type Effect = 'allow' | 'deny' | 'ask';

/** A rule that spoke. `default` where none did. */
export interface Reason {
  readonly effect: Effect;
  /** Where in the document: `commands.deny[0]`. */
  readonly rule: string;
  readonly file?: string;
  readonly line?: number;
  readonly text: string;
}

export interface Decision {
  readonly effect: Effect;
  /** What decided. */
  readonly reason: Reason;
  /** Other rules that matched and lost. */
  readonly lost: readonly Reason[];
  /** Content hash of the policy version that decided: `sha256:…`. */
  readonly policy: string;
  /** It passes whatever its effect is: the policy only observes. */
  readonly observed?: true;
}
