/** As deep as anything that is written to the journal may be. Whoever walks a deeper one by recursion runs out of stack. */
const MAX_DEPTH = 512;

/** A value that came from a child. Errors: `SyntaxError`; `RangeError` where it is nested deeper than anything here can walk, before it is built. */
export function readJson(text: string): unknown {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (inString) {
      if (character === BACKSLASH) i += 1;
      else if (character === QUOTE) inString = false;
    } else if (character === QUOTE) inString = true;
    else if (character === BRACKET || character === BRACE) {
      depth += 1;
      if (depth > MAX_DEPTH) throw new RangeError(`it is nested deeper than ${MAX_DEPTH}`);
    } else if (character === BRACKET_END || character === BRACE_END) depth -= 1;
  }
  return JSON.parse(text) as unknown;
}

const [QUOTE, BACKSLASH, BRACKET, BRACKET_END, BRACE, BRACE_END] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];
