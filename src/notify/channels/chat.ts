import type { Notice } from '../notice.ts';
import { post } from './post.ts';
import { asText, type Way } from './way.ts';

/** A message in a chat, by an incoming webhook as Slack has them: JSON with `text`. */
export class ChatWay implements Way {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async send(notice: Notice, { link, signal }: Parameters<Way['send']>[1]): Promise<void> {
    await post(this.#url, JSON.stringify({ text: quiet(asText(notice, link)) }), {}, signal);
  }
}

/** `<…>` calls people, and makes links of what an agent wrote: https://docs.slack.dev/messaging/formatting-message-text#escaping. */
function quiet(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
