import type { ToolCall } from '../contracts/index.ts';

/** The key under which arguments that are not JSON go back to a provider that takes only objects. */
const UNPARSED = 'INVALID_JSON';

/** A call from the JSON text that a model wrote for it. `whole: false` where the answer was cut inside of it. */
export function callFromText(id: string, name: string, text: string, whole = true): ToolCall {
  if (!whole) return { id, name, input: {}, malformed: text };
  // A tool without parameters is often called with nothing at all.
  if (text.trim() === '') return { id, name, input: {} };
  try {
    const input: unknown = JSON.parse(text);
    return { id, name, input: input ?? {} };
  } catch {
    return { id, name, input: {}, malformed: text };
  }
}

/** A call's arguments as an object, as providers want them back in the history. */
export function argumentsObject(call: ToolCall): Record<string, unknown> {
  if (call.malformed !== undefined) return { [UNPARSED]: call.malformed };
  return isRecord(call.input) ? call.input : { [UNPARSED]: JSON.stringify(call.input) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
