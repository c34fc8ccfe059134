import { Accounts } from './accounts.ts';
import { Approvals } from './approvals.ts';
import { Audit } from './audit.ts';
import { Connection, type KeyOption, type Retries } from './connection.ts';
import { JavaScript } from './javascript.ts';
import { Keys } from './keys.ts';
import { Policies } from './policies.ts';
import { Runs } from './runs.ts';
import { Sandboxes } from './sandboxes.ts';
import { Secrets } from './secrets.ts';
import { Stops } from './stops.ts';

export interface GloveboxOptions {
  /** Where the server is: `http://127.0.0.1:7717`. */
  readonly url: string;
  /** An API key, a token of the identity provider, or a function that gives one whenever it is asked. */
  readonly key: KeyOption;
  readonly retries?: Partial<Retries>;
  /** Instead of the platform's own: for a proxy, or a certificate authority of yours. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A server, as whoever has the key. Nothing is asked of it before the first call. */
export class Glovebox {
  readonly sandboxes: Sandboxes;
  /** Programs in isolates, for which no sandbox is started. */
  readonly javascript: JavaScript;
  readonly runs: Runs;
  readonly approvals: Approvals;
  readonly policies: Policies;
  readonly secrets: Secrets;
  readonly keys: Keys;
  readonly audit: Audit;
  readonly accounts: Accounts;
  readonly stops: Stops;

  constructor({ url, key, retries, fetch = (input, init) => globalThis.fetch(input, init) }: GloveboxOptions) {
    const connection = new Connection({ url, key, fetch, retries: { times: 4, delayMs: 250, ...retries } });
    this.sandboxes = new Sandboxes(connection);
    this.javascript = new JavaScript(connection);
    this.runs = new Runs(connection);
    this.approvals = new Approvals(connection);
    this.policies = new Policies(connection);
    this.secrets = new Secrets(connection);
    this.keys = new Keys(connection);
    this.audit = new Audit(connection);
    this.accounts = new Accounts(connection);
    this.stops = new Stops(connection);
  }
}
