import { Webhook } from 'standardwebhooks';
import { describeError, GloveboxError } from '../../contracts/index.ts';
import type { Notice } from '../notice.ts';
import { post } from './post.ts';
import type { Way } from './way.ts';

const SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/;

/** JSON to a program, signed as Standard Webhooks says: https://www.standardwebhooks.com. */
export class WebhookWay implements Way {
  readonly #url: string;
  readonly #webhook: Webhook;
  readonly #now: () => number;

  /** Errors: `config_invalid` for a secret that is none. */
  constructor({ url, secret, now }: { readonly url: string; readonly secret: string; readonly now: () => number }) {
    this.#url = url;
    this.#now = now;
    const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64').length;
    if (!SECRET.test(secret) || bytes < 24 || bytes > 64) throw new GloveboxError('config_invalid', 'the secret of a webhook is whsec_ and base64 of 24 to 64 bytes: `echo whsec_$(openssl rand -base64 32)` makes one');
    try {
      this.#webhook = new Webhook(secret);
    } catch (error) {
      throw new GloveboxError('config_invalid', `the secret of a webhook cannot be used: ${describeError(error)}`);
    }
  }

  async send(notice: Notice, { id, link, signal }: Parameters<Way['send']>[1]): Promise<void> {
    const { kind, type, timeMs, stream, title, text, command } = notice;
    const body = JSON.stringify({ type, timestamp: new Date(timeMs).toISOString(), data: { id: notice.id, kind, stream, title, text, command, ...(link === undefined ? {} : { url: link }) } });
    const now = new Date(this.#now());
    const signature = this.#webhook.sign(id, now, body);
    await post(this.#url, body, { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(now.getTime() / 1000)), 'webhook-signature': signature }, signal);
  }
}
