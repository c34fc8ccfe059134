import { z } from 'zod';

const NOTICE_KINDS = ['approval', 'escalation', 'alarm', 'budget', 'stop'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Where a secret is: in the store of `glovebox secrets`, a variable, or a file. */
const secretSource = z.union([
  z.strictObject({ secret: z.string().min(1) }),
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable') }),
  z.strictObject({ file: z.string().startsWith('/', 'an absolute path') }),
]);
export type SecretSource = z.output<typeof secretSource>;

/** What is told stays in the clear only on this machine. */
export const protectedUrl = z.url({ protocol: /^https?$/ }).refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || /^(127\.[\d.]+|\[::1\]|localhost)$/.test(hostname);
}, 'https, or http on this machine');

const webhook = z.strictObject({
  url: protectedUrl,
  secret: secretSource.describe('whsec_ and base64, of 24 to 64 bytes: what Standard Webhooks signs with'),
});
const chat = z.strictObject({ url: z.union([protectedUrl, secretSource]).describe('an incoming webhook of Slack, Mattermost and others: who knows it may write there') });
const mail = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).optional().describe('465 with tls: implicit, else 587'),
  tls: z.enum(['starttls', 'implicit', 'none']).default('starttls').describe('none only for a server on this machine'),
  user: z.string().optional(),
  password: secretSource.optional(),
  from: z.email(),
  to: z.array(z.email()).min(1),
});

const channel = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and dashes, at most 32'),
    webhook: webhook.optional(),
    chat: chat.optional(),
    mail: mail.optional(),
    tell: z.array(z.enum(NOTICE_KINDS)).min(1).default([...NOTICE_KINDS]).describe('what of; everything where nothing is said'),
    tenants: z.array(z.string()).min(1).optional().describe('whose; everybody’s where nothing is said'),
  })
  .refine(({ webhook: hook, chat: said, mail: sent }) => [hook, said, sent].filter((way) => way !== undefined).length === 1, 'expected one of webhook, chat and mail');
export type Channel = Readonly<z.output<typeof channel>>;

/** `notifications.yaml`: how people are told of what needs them. */
export const notificationsDocument = z.strictObject({
  base_url: z.url({ protocol: /^https?$/ }).optional().describe('of this service, for links'),
  channels: z.array(channel).max(32),
});
export type NotificationsDocument = Readonly<z.output<typeof notificationsDocument>>;
