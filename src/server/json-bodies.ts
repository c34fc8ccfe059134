import type { FastifyInstance } from 'fastify';
import { GloveboxError } from '../contracts/index.ts';

/** Deeper than anything that is asked of us, and far from where the stack ends for whoever walks over it. */
const MOST_DEEP = 100;

/** JSON is parsed as ever, where it is not so deep that walking over it would end the stack. */
export function boundedJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    if (isDeeper(text, MOST_DEEP)) return done(new GloveboxError('usage', `the body is nested more than ${MOST_DEEP} deep`));
    return parse(request, text, done);
  });
}

/** Whether objects and arrays are nested deeper; what is no JSON is the parser's to say. */
function isDeeper(text: string, most: number): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (isText) {
      if (character === BACKSLASH) at += 1;
      else if (character === QUOTE) isText = false;
    } else if (character === QUOTE) isText = true;
    else if (character === BRACE || character === BRACKET) {
      depth += 1;
      if (depth > most) return true;
    } else if (character === BRACE + 2 || character === BRACKET + 2) depth -= 1;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[` and `{`; what closes them is two further on. */
const BRACKET = 0x5b;
const BRACE = 0x7b;
