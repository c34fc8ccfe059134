import type { Provided } from '../credentials/session-credentials.ts';
import { isFieldValue } from './answer-head.ts';
import type { Asked } from './asked.ts';
import { requestHeaders, valuesOf } from './headers.ts';
import { authorityOf } from './names.ts';
import { EgressRefusal } from './refusal.ts';
import type { Question } from './upstream-connection.ts';

/** Those that say of a body that there is none. */
const WITH_A_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** A request as it is written to the other side; its body comes of `body`. Errors: `EgressRefusal` where what was lent cannot stand in a head. */
export function questionOf(asked: Asked, { path, headers: pairs, changesLength }: Pick<Provided, 'path' | 'headers' | 'changesLength'>, body: NonNullable<Question['body']>['bytes'] | undefined): Question {
  const { method, scheme, isWebSocket } = asked;
  const headers = requestHeaders(pairs.flat(), changesLength);
  const [length] = valuesOf(headers, 'content-length');
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${authorityOf(scheme, asked)}\r\n${isWebSocket ? 'connection: upgrade\r\nupgrade: websocket\r\n' : 'connection: keep-alive\r\n'}`;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    if (!isFieldValue(value)) throw new EgressRefusal('request_invalid', `the header ${headers[i]} has characters in it that HTTP does not carry`);
    head += `${headers[i]}: ${value}\r\n`;
  }
  if (!/^[\u0021-\u007e]+$/.test(path)) throw new EgressRefusal('request_invalid', 'a path is of printable ASCII: encode what is not');
  if (length === undefined && body !== undefined) head += 'transfer-encoding: chunked\r\n';
  else if (length === undefined && WITH_A_BODY.has(method)) head += 'content-length: 0\r\n';
  return { head: `${head}\r\n`, isHead: method === 'HEAD', isUpgrade: isWebSocket, body: body === undefined ? undefined : { bytes: body, lengthBytes: length === undefined ? undefined : Number(length) } };
}
