import { hash } from 'node:crypto';
import { canonicalJson, type ContextLanguage, type Decision, type DecisionRequest, type PolicyDocument, type PolicyFile, type PolicyFinding, type PolicyGrant, type PolicyRule } from '../contracts/index.ts';
import type { Layer } from './document/layer.ts';
import { grantOf } from './grant.ts';
import { lintLayers } from './lint.ts';
import { rulesOf } from './rule-list.ts';
import { CommandRules } from './rules/command-rules.ts';
import { ExportRules } from './rules/export-rules.ts';
import { FileRules } from './rules/file-rules.ts';
import { JavaScriptRules } from './rules/javascript-rules.ts';
import { ModelRules } from './rules/model-rules.ts';
import { NetworkRules } from './rules/network-rules.ts';
import { SessionRules } from './rules/session-rules.ts';
import { ToolRules } from './rules/tool-rules.ts';
import { byDefault, decisionOf, type Reasons } from './verdict.ts';

/** A policy with what it extends, its rules indexed once. */
export class CompiledPolicy implements PolicyFile {
  readonly name: string;
  readonly hash: string;
  readonly grant: PolicyGrant;
  readonly file: string;
  readonly rules: readonly PolicyRule[];
  readonly documents: readonly PolicyDocument[];
  readonly #layers: readonly [Layer, ...Layer[]];
  readonly #session: SessionRules;
  readonly #commands: CommandRules;
  readonly #javascript: JavaScriptRules;
  readonly #files: FileRules;
  readonly #network: NetworkRules;
  readonly #tools: ToolRules;
  readonly #models: ModelRules;
  readonly #exports: ExportRules;

  /** The policy's own layer first, then what it extends, one above the other. Errors: `policy_invalid`. */
  constructor(layers: readonly [Layer, ...Layer[]]) {
    this.name = layers[0].document.name;
    this.#layers = layers;
    this.documents = layers.map((layer) => layer.document);
    this.grant = grantOf(layers);
    this.file = layers[0].file;
    this.rules = layers.flatMap(rulesOf);
    // The grant is hashed, too: another default of ours is another policy.
    const content = { documents: this.documents, grant: this.grant };
    this.hash = `sha256:${hash('sha256', canonicalJson(content))}`;
    this.#session = new SessionRules(layers);
    this.#commands = new CommandRules(layers);
    this.#javascript = new JavaScriptRules(layers);
    this.#files = new FileRules(layers);
    this.#network = new NetworkRules(layers);
    this.#tools = new ToolRules(layers);
    this.#models = new ModelRules(layers);
    this.#exports = new ExportRules(layers);
  }

  decide(request: DecisionRequest): Decision {
    return decisionOf(this.#judge(request), this.hash);
  }

  lint(): readonly PolicyFinding[] {
    return lintLayers(this.#layers, this);
  }

  #judge(request: DecisionRequest): Reasons {
    switch (request.action) {
      case 'session.open':
        return this.#session.judge(request);
      case 'command.exec':
        return this.#commands.judge(request.argv);
      case 'javascript.run':
        return this.#javascript.judge(request.functions);
      case 'context.run':
        return this.#commands.judge(contextCommand(request.language, request.code));
      case 'file.read':
      case 'file.write':
      case 'file.delete':
      case 'file.list':
        return this.#files.judge(request);
      case 'network.connect':
        return this.#network.judge(request);
      case 'credential.use':
        return NO_CREDENTIALS;
      case 'tool.call':
        return this.#tools.judge(request.tool);
      case 'model.call':
        return this.#models.judge(request);
      case 'export.patch':
        return this.#exports.judge(request);
      default:
        return unknownAction(request);
    }
  }
}

/** The command that would run this code by itself. */
function contextCommand(language: ContextLanguage, code: string): readonly string[] {
  return language === 'python' ? ['python3', '-c', code] : ['node', '-e', code];
}

const NO_CREDENTIALS = byDefault('deny', 'no policy lends credentials yet');

/** A recorded decision may come from a newer program. */
function unknownAction(request: never): Reasons {
  return byDefault('deny', `unknown action: ${JSON.stringify(request)}`);
}
