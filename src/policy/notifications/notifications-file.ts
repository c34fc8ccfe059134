import { type NotificationsDocument, notificationsDocument } from '../../contracts/index.ts';
import type { Problem } from '../document/problems.ts';
import { readYaml } from '../document/read-yaml.ts';
import { readBounded } from '../read-bounded.ts';

/** How people are told; nobody is where there is no file. Errors: `policy_invalid` with file, line and what was expected. */
export async function readNotifications(file: string): Promise<NotificationsDocument> {
  const text = await readBounded(file);
  return text === undefined ? { channels: [] } : readYaml(text, file, notificationsDocument, problemsOf).content;
}

/** Two of one name would count as one, and a mail is in the clear only on this machine. */
function problemsOf({ channels }: NotificationsDocument): Problem[] {
  const names = channels.map(({ name }) => name);
  return channels.flatMap(({ name, mail }, i) => [
    ...(names.indexOf(name) < i ? [{ path: ['channels', i, 'name'], text: `channels[${i}].name: expected a name of its own, found ${name} again` }] : []),
    ...(mail?.tls === 'none' && !HERE.test(mail.host) ? [{ path: ['channels', i, 'mail', 'tls'], text: `channels[${i}].mail.tls: expected starttls or implicit for a server on another machine, found none` }] : []),
  ]);
}

const HERE = /^(127\.[\d.]+|::1|localhost)$/;
