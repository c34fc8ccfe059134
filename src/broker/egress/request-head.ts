import { METHODS } from 'node:http';
import { readFields } from './answer-head.ts';
import type { Framing } from './body-reader.ts';
import { type RawHeaders, valuesOf } from './headers.ts';
import { EgressRefusal } from './refusal.ts';

/** The beginning of a request, as a program wrote it. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** HTTP/1.0 or 1.1. */
  readonly minorVersion: number;
  readonly rawHeaders: RawHeaders;
}

const KNOWN: ReadonlySet<string> = new Set(METHODS);
const REQUEST_LINE = /^([A-Z-]{1,32}) ([\u0021-\u007e\u0080-\u00ff]+) HTTP\/1\.([01])$/;

/** A head without the empty line at its end, in latin1; undefined for what is none. As strict as an answer's: see `readAnswerHead`. */
export function readRequestHead(text: string): RequestHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const [, method = '', target = '', minor] = REQUEST_LINE.exec(first) ?? [];
  const rawHeaders = KNOWN.has(method) ? readFields(lines) : undefined;
  return rawHeaders === undefined ? undefined : { method, target, minorVersion: Number(minor), rawHeaders };
}

/** Whether this may become a head: whoever speaks something else hears so at once. */
export function mayBeRequest(beginning: string): boolean {
  return /^(?:\r(?:\n|$))?[A-Z-]{0,32}(?: |$)/.test(beginning) && !/(?<!\r)\n/.test(beginning);
}

/** How its body ends: with no byte where there is none. RFC 9112, 6.3, and where two things are said of a length, none is believed. Errors: `EgressRefusal`. */
export function framingOf({ rawHeaders, minorVersion }: RequestHead): Framing {
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  const lengths = valuesOf(rawHeaders, 'content-length');
  if (codings.length > 0 && lengths.length > 0) throw new EgressRefusal('request_invalid', 'a body has a length or is chunked, not both');
  if (lengths.length > 1 || !lengths.every((length) => /^\d{1,15}$/.test(length))) throw new EgressRefusal('request_invalid', 'a body has one length');
  if (codings.length > 1 || !codings.every((coding) => coding.toLowerCase() === 'chunked') || (codings.length > 0 && minorVersion === 0)) throw new EgressRefusal('request_invalid', 'a body is chunked, and coded in no other way');
  return codings.length > 0 ? 'chunked' : Number(lengths[0] ?? 0);
}

/** It asks for an upgrade that we know. Others are not taken up, as a server may. */
export function isWebSocket({ method, rawHeaders }: RequestHead): boolean {
  return method === 'GET' && names(rawHeaders, 'upgrade', 'websocket') && names(rawHeaders, 'connection', 'upgrade');
}

/** Nothing follows it on its connection. */
export function isLast({ minorVersion, rawHeaders }: RequestHead): boolean {
  return minorVersion === 0 || names(rawHeaders, 'connection', 'close');
}

/** Whether the program waits for 100 before it sends its body. Errors: `EgressRefusal` where it waits for something else. */
export function expectsContinue({ minorVersion, rawHeaders }: RequestHead): boolean {
  const expected = valuesOf(rawHeaders, 'expect');
  if (expected.some((one) => one.toLowerCase() !== '100-continue')) throw new EgressRefusal('request_invalid', 'a request expects 100-continue, or nothing');
  return expected.length > 0 && minorVersion > 0;
}

function names(headers: RawHeaders, header: string, token: string): boolean {
  return valuesOf(headers, header).some((value) => value.split(',').some((one) => one.trim().toLowerCase() === token));
}
