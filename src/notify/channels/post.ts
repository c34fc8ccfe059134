import { Refused } from './way.ts';

/** 410: whoever was there says that nobody will be again. */
const GONE = 410;

/** Posts JSON to where the operator's file says and nowhere else: a redirect is not followed, and the answer not read. */
export async function post(url: string, body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', 'user-agent': 'glovebox', ...headers }, redirect: 'manual', signal });
  await response.body?.cancel();
  if (response.ok) return;
  const text = `${new URL(url).host} answered ${response.status}`;
  throw response.status === GONE ? new Refused(text) : new Error(text);
}
