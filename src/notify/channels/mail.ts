import type { Channel } from '../../contracts/index.ts';
import type { Notice } from '../notice.ts';
import { asText, type Way } from './way.ts';

const STEP_MS = 10_000;

type Options = NonNullable<Channel['mail']> & { readonly secret: string | undefined };

/** A mail, by SMTP. */
export class MailWay implements Way {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  async send(notice: Notice, { id, link, signal }: Parameters<Way['send']>[1]): Promise<void> {
    const { createTransport } = await import('nodemailer');
    const { host, port, tls, user, secret, from, to } = this.#options;
    const transport = createTransport({
      host,
      port: port ?? (tls === 'implicit' ? 465 : 587),
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      ...(user === undefined ? {} : { auth: { user, pass: secret ?? '' } }),
      connectionTimeout: STEP_MS,
      greetingTimeout: STEP_MS,
      socketTimeout: STEP_MS,
      // What is written there is text: it names no files and no addresses.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const cut = (): void => transport.close();
    signal.addEventListener('abort', cut, { once: true });
    try {
      signal.throwIfAborted();
      await transport.sendMail({ from, to, subject: `[glovebox] ${notice.title}`, text: asText(notice, link), messageId: `<${id}@glovebox>` });
    } finally {
      signal.removeEventListener('abort', cut);
      transport.close();
    }
  }
}
