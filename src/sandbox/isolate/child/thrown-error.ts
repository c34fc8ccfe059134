interface ThrownError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

const MAX_NAME = 200;
const MAX_MESSAGE = 8192;
const MAX_FRAMES = 50;
/** What isolated-vm says of an object that is no error. */
const NO_ERROR = /^An object was thrown from supplied code/;

/** An error that came out of an isolate, or out of the compiler. */
export function thrownError(error: unknown, fileName: string): ThrownError {
  if (!(error instanceof Error)) return { name: 'thrown', message: String(error).slice(0, MAX_MESSAGE) };
  if (NO_ERROR.test(error.message)) return { name: 'thrown', message: 'an object that is no Error' };
  return userFrames({ name: error.name, message: error.message, stack: error.stack }, fileName);
}

/** Of its stack only what lies in the program: frames of ours say where we are installed. */
export function userFrames(error: { readonly name: string; readonly message: string; readonly stack?: string | undefined }, fileName: string): ThrownError {
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s*at /.test(line) && isIn(line, fileName))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim().slice(0, 300));
  return { name: error.name.slice(0, MAX_NAME), message: error.message.slice(0, MAX_MESSAGE), ...(frames.length === 0 ? {} : { stack: frames.join('\n') }) };
}

/** `at name (file:1:2)`, `at file:1:2`. */
function isIn(frame: string, fileName: string): boolean {
  const at = frame.lastIndexOf(`${fileName}:`);
  return at > 0 && /[ (]/.test(frame[at - 1] ?? '') && /^\d+:\d+\)?$/.test(frame.slice(at + fileName.length + 1));
}
