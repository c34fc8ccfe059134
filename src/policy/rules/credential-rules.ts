import type { DecisionRequest } from '../../contracts/index.ts';
import { type ActionRules, defaultRule, type Facts } from '../cedar/rule.ts';

type CredentialRequest = Extract<DecisionRequest, { action: 'credential.use' }>;

/** No policy lends credentials yet. */
export class CredentialRules implements ActionRules<CredentialRequest> {
  readonly rules = [defaultRule('deny', 'no policy lends credentials yet')];

  facts({ credential, host, method, path }: CredentialRequest): Facts | string {
    if (![credential, host, method, path].every((text) => text.isWellFormed())) return 'it is not Unicode';
    return { resource: credential, context: { credential, host, method, path, fits: [] } };
  }
}
