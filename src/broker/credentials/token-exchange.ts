import { z } from 'zod';
import { callProvider, expected } from './provider-call.ts';
import type { CredentialProvider, Lent } from './provider.ts';

/** What is taken for the life of a token that says nothing of it. */
const UNSAID_S = 300;
/** Another is lent when so much of its life is left. */
const LEFT = 1 / 5;

const answerShape = z.object({ access_token: z.string().min(1), expires_in: z.number().positive().optional() });

export interface TokenExchangeOptions {
  readonly endpoint: URL;
  /** The token that says who we are: a workload's own, from a file that an orchestrator renews. */
  readonly subject: () => Promise<string>;
  readonly subjectType: string;
  readonly audience?: string | undefined;
  readonly scope?: string | undefined;
  readonly now: () => number;
}

/** An identity token for an access token (RFC 8693). What is exchanged so cannot be revoked by that standard: it is short-lived instead. */
export class TokenExchangeProvider implements CredentialProvider {
  readonly #options: TokenExchangeOptions;

  constructor(options: TokenExchangeOptions) {
    this.#options = options;
  }

  async lend(signal: AbortSignal): Promise<Lent> {
    const { endpoint, subject, subjectType, audience, scope, now } = this.#options;
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: await subject(),
      subject_token_type: subjectType,
      ...(audience === undefined ? {} : { audience }),
      ...(scope === undefined ? {} : { scope }),
    });
    const { answer } = await callProvider('the token endpoint', endpoint, { method: 'POST', body }, signal);
    const { access_token: value, expires_in: seconds = UNSAID_S } = expected('the token endpoint', answerShape, answer);
    return { value, untilMs: now() + seconds * 1000 * (1 - LEFT) };
  }

  async revoke(): Promise<void> {}
}
