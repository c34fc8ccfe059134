import { type Channel, type Clock, GloveboxError, type NotificationsDocument, protectedUrl, type SecretSource } from '../contracts/index.ts';
import { ChatWay } from './channels/chat.ts';
import { MailWay } from './channels/mail.ts';
import type { Way } from './channels/way.ts';
import { WebhookWay } from './channels/webhook.ts';
import type { OpenChannel } from './notifier.ts';

interface ChannelParts {
  readonly clock: Clock;
  /** What is there; whoever gives it sees to it that it is never written down. Errors: `config_invalid`. */
  readonly secretAt: (source: SecretSource) => Promise<string>;
}

/** The channels of the operator's file, with their secrets. Errors: `config_invalid` where one cannot be used. */
export async function openChannels({ channels }: NotificationsDocument, parts: ChannelParts): Promise<readonly OpenChannel[]> {
  return Promise.all(channels.map(async (channel) => ({ name: channel.name, way: await open(channel, parts), wants: ({ kind }, tenant) => channel.tell.includes(kind) && (channel.tenants?.includes(tenant) ?? true) })));
}

async function open({ name, webhook, chat, mail }: Channel, { clock, secretAt }: ChannelParts): Promise<Way> {
  if (webhook !== undefined) return new WebhookWay({ url: webhook.url, secret: await secretAt(webhook.secret), now: () => clock.now() });
  if (chat !== undefined) return new ChatWay(typeof chat.url === 'string' ? chat.url : chatUrl(name, await secretAt(chat.url)));
  if (mail !== undefined) return new MailWay({ ...mail, secret: mail.password === undefined ? undefined : await secretAt(mail.password) });
  throw new GloveboxError('config_invalid', `the channel ${name} has no webhook, chat or mail`);
}

/** What it is must not be told. */
function chatUrl(name: string, url: string): string {
  if (!protectedUrl.safeParse(url).success) throw new GloveboxError('config_invalid', `the url of the channel ${name} is none of https, or of http on this machine`);
  return url;
}
