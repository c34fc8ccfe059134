import { hash } from 'node:crypto';
import { type Action, canonicalJson, type Decision, type DecisionRequest, GloveboxError, type PolicyDocument, type PolicyFile, type PolicyFinding, type PolicyGrant, type PolicyRule, type Principal } from '../contracts/index.ts';
import { ActionPolicy } from './cedar/action-policy.ts';
import { type CedarRule, cedarText } from './cedar/rule.ts';
import { ACTIONS } from './cedar/schema.ts';
import { validatePolicies } from './cedar/validate.ts';
import { DecisionCache } from './decision-cache.ts';
import type { Layer, PlacedLayer } from './document/layer.ts';
import { grantOf } from './grant.ts';
import { lintLayers } from './lint.ts';
import { holdsAnyway, modeOf } from './mode.ts';
import { rulesOf } from './rule-list.ts';
import { CommandRules } from './rules/command-rules.ts';
import { CredentialRules } from './rules/credential-rules.ts';
import { ExportRules } from './rules/export-rules.ts';
import { FileRules } from './rules/file-rules.ts';
import { JavaScriptRules } from './rules/javascript-rules.ts';
import { ModelRules } from './rules/model-rules.ts';
import { NetworkRules } from './rules/network-rules.ts';
import { SessionRules } from './rules/session-rules.ts';
import { ToolRules } from './rules/tool-rules.ts';
import { byDefault, decisionOf } from './verdict.ts';

/** A policy with what it extends, compiled to Cedar: one set of policies for each kind of request. */
export class CompiledPolicy implements PolicyFile {
  readonly name: string;
  readonly hash: string;
  readonly mode: PolicyFile['mode'];
  readonly grant: PolicyGrant;
  readonly file: string;
  readonly rules: readonly PolicyRule[];
  readonly documents: readonly PolicyDocument[];
  readonly #layers: readonly [Layer, ...Layer[]];
  readonly #placed: readonly PlacedLayer[];
  readonly #policies = new Map<string, ActionPolicy<DecisionRequest>>();
  readonly #decisions = new DecisionCache();

  /** The policy's own layer first, then what it extends, one above the other. Errors: `policy_invalid`. */
  constructor(layers: readonly [Layer, ...Layer[]]) {
    this.name = layers[0].document.name;
    this.#layers = layers;
    this.documents = layers.map((layer) => layer.document);
    this.mode = modeOf(layers);
    this.grant = grantOf(layers);
    this.file = layers[0].file;
    this.rules = layers.flatMap(rulesOf);
    this.hash = `sha256:${hash('sha256', canonicalJson(contentOf(layers, this.grant)))}`;
    this.#placed = layers.map((layer, level): PlacedLayer => ({ ...layer, level }));
  }

  decide(request: DecisionRequest, principal: Principal = NOBODY): Decision {
    // A recorded decision may come from a newer program.
    if (!ACTIONS.includes(request.action)) return decisionOf(byDefault('deny', `unknown action: ${JSON.stringify(request)}`), this.hash);
    const policy = this.#policyFor(request.action);
    const decide = (): Decision => {
      const decision = decisionOf(policy.decide(request, principal), this.hash);
      return this.mode === 'enforce' || holdsAnyway(request, decision) || !policy.canJudge(request) ? decision : { ...decision, observed: true };
    };
    return this.#decisions.get(request, policy.looksAtPrincipal ? principal : undefined, decide);
  }

  canJudge(request: DecisionRequest): boolean {
    return ACTIONS.includes(request.action) && this.#policyFor(request.action).canJudge(request);
  }

  lint(): readonly PolicyFinding[] {
    return lintLayers(this.#layers, this);
  }

  cedar(): string {
    return this.#compiled().map(({ rule: { says, source, id }, text }) => `// ${says === 'raw' ? 'deny or ask' : says}: ${place(source)}\n@id(${JSON.stringify(id)})\n${text}\n`).join('\n');
  }

  /** Everything that was compiled holds against the schema, and nothing of it is in vain. Errors: `policy_invalid`. */
  validate(): this {
    const compiled = this.#compiled();
    const [problem] = validatePolicies(Object.fromEntries(compiled.map(({ text }, i) => [String(i), text])));
    if (problem === undefined) return this;
    const source = compiled[Number(problem.id)]?.rule.source ?? { rule: 'policy' };
    throw new GloveboxError('policy_invalid', `${place(source)}: ${problem.text}`, { details: { file: source.file ?? this.file, line: source.line ?? 1 } });
  }

  #compiled(): readonly { readonly rule: CedarRule; readonly text: string }[] {
    return ACTIONS.flatMap((action) => this.#policyFor(action).rules.map((rule) => ({ rule, text: cedarText(rule, action) })));
  }

  /** Compiled when it is first asked for. */
  #policyFor(action: Action): ActionPolicy<DecisionRequest> {
    const known = this.#policies.get(action);
    if (known !== undefined) return known;
    const compiled = compile(action, this.#placed);
    this.#policies.set(action, compiled);
    return compiled;
  }
}

/** Who asks where nobody is named. */
const NOBODY: Principal = { tenant: '', name: '', roles: [] };

function place({ rule, file, line }: CedarRule['source']): string {
  return file === undefined ? rule : `${file}:${line}: ${rule}`;
}

/** What a policy's hash covers. The grant is in it, too: another default of ours is another policy. */
function contentOf(layers: readonly Layer[], grant: PolicyGrant): unknown {
  const raw = layers.map((layer) => layer.raw?.map(({ meaning }) => meaning) ?? []);
  return { documents: layers.map((layer) => layer.document), grant, ...(raw.every((rules) => rules.length === 0) ? {} : { raw }) };
}

function compile(action: Action, layers: readonly PlacedLayer[]): ActionPolicy<DecisionRequest> {
  const raw = layers.flatMap((layer) => rawRules(layer, action));
  switch (action) {
    case 'session.open':
      return new ActionPolicy(action, new SessionRules(layers), raw);
    case 'command.exec':
    case 'context.run':
      return new ActionPolicy(action, new CommandRules(layers, raw.length > 0), raw);
    case 'javascript.run':
      return new ActionPolicy(action, new JavaScriptRules(layers), raw);
    case 'file.read':
    case 'file.write':
    case 'file.delete':
    case 'file.list':
      return new ActionPolicy(action, new FileRules(layers, action), raw);
    case 'network.connect':
      return new ActionPolicy(action, new NetworkRules(layers), raw);
    case 'credential.use':
      return new ActionPolicy(action, new CredentialRules(layers), raw);
    case 'tool.call':
      return new ActionPolicy(action, new ToolRules(layers), raw);
    case 'model.call':
      return new ActionPolicy(action, new ModelRules(layers), raw);
    case 'export.patch':
      return new ActionPolicy(action, new ExportRules(layers), raw);
  }
}

/** What a layer's `rules.cedar` says to this kind of request. */
function rawRules({ level, raw = [] }: PlacedLayer, action: Action): CedarRule[] {
  return raw
    .filter(({ actions }) => actions === undefined || actions.includes(action))
    .map(({ rule, file, line, cedar, reason = `${rule} forbids it` }) => ({ id: `${level}:${rule}`, says: 'raw', source: { rule, file, line }, verbatim: cedar, texts: () => [reason] }));
}
