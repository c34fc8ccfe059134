// The kernel of a javascript context: docs/contexts.md. It comes over stdin and runs in Node from 18 on.
// The code runs on the main thread, as in a REPL of V8's own: names may be declared again, and there is await. A worker reads requests:
// it is there also while the code keeps the main thread busy, and can interrupt it.
// Whatever the code does to this process, it lies about nothing but itself: the host believes no word of it.
'use strict';
const fs = require('node:fs');
const { Session } = require('node:inspector');
const { createRequire } = require('node:module');
const { Writable } = require('node:stream');
const { Worker } = require('node:worker_threads');
const util = require('node:util');
const { promiseHooks } = require('node:v8');

const PIECE_BYTES = 4000; // with its head below PIPE_BUF, so that the kernel writes it whole
const HELD_BYTES = 1900; // two of these, with their heads, as well
const TEXT_CHARACTERS = 100_000;
const FAILED = 70;
const DISPLAY = Symbol.for('Jupyter.display');
// Taken now: the code may put others in their places.
const { stringify, parse } = JSON;
const { alloc, byteLength, concat, from } = Buffer;
const { writeSync } = fs;
const { inspect } = util;
const exit = process.reallyExit.bind(process);

/** Code in which names may be declared again is a script, and a script imports nothing: what imports is put in its place. Texts and comments are left alone. */
const IMPORTS = /"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`|\/\/.*|\/\*[^]*?\*\/|(?<![.\w$#])import(?=\s*\()/g;
const IMPORT = '__import';

function readConfig() {
  const bytes = [];
  for (const byte = alloc(1); byte[0] !== 10; bytes.push(byte[0])) if (fs.readSync(0, byte, 0, 1) === 0) exit(FAILED);
  return parse(from(bytes).toString());
}

const { token } = readConfig();
// Descriptions of their own: a child can neither read requests nor make what we write to asynchronous.
const requests = fs.openSync('/proc/self/fd/0', 'r');
const channels = { stdout: fs.openSync('/proc/self/fd/1', 'w'), stderr: fs.openSync('/proc/self/fd/2', 'w') };
fs.closeSync(0);
fs.openSync('/dev/null', 'r'); // the lowest number that is free

function put(descriptor, bytes) {
  for (let at = 0; at < bytes.length; at += writeSync(descriptor, bytes, at));
}

const mark = from(`\0gbx:${token}:`);

function whole(piece, last) {
  return concat([mark, from(piece.length.toString(16).padStart(4, '0') + (last ? '.' : '+')), piece]);
}

let held = alloc(0);

function release() {
  const bytes = held;
  held = alloc(0);
  return bytes;
}

function send(message) {
  const text = from(stringify(message));
  if (text.length <= HELD_BYTES) return put(channels.stdout, concat([release(), whole(text, true)]));
  put(channels.stdout, release());
  for (let at = 0; at < text.length; at += PIECE_BYTES) put(channels.stdout, whole(text.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= text.length));
}

/** As `send`, but what is small goes with what comes next: every write wakes two other processes. */
function hold(message) {
  const text = from(stringify(message));
  if (text.length > HELD_BYTES || held.length > 0) send(message);
  else held = whole(text, true);
}

function cut(text, most = TEXT_CHARACTERS) {
  if (text.length <= most) return text;
  return `${text.slice(0, most / 2)}\n[… ${text.length - most} characters cut …]\n${text.slice(-most / 2)}`;
}

function plain(value) {
  try {
    return cut(inspect(value));
  } catch (error) {
    return `<its inspection threw ${error?.name}>`;
  }
}

function encoded(media, content) {
  if (content instanceof Uint8Array) return from(content).toString('base64');
  if (media === 'application/json' || media.endsWith('+json')) return stringify(content);
  return typeof content === 'string' ? content : undefined;
}

/** What a value shows of itself, by media type: its `Symbol.for('Jupyter.display')`. One that throws is not there. */
async function bundleOf(value) {
  let shown = {};
  try {
    if (typeof value?.[DISPLAY] === 'function') shown = (await value[DISPLAY]()) ?? {};
  } catch {}
  return { 'text/plain': plain(value), ...encodedAll(shown) };
}

function encodedAll(bundle) {
  return Object.fromEntries(Object.entries(bundle).map(([media, content]) => [media, encoded(media, content)]).filter(([, text]) => typeof text === 'string'));
}

let most = 0;

/** What is larger than a call may put out is left out, and named. */
function say(type, data) {
  const kept = {};
  const omitted = [];
  let room = most;
  for (const [media, text] of Object.entries(data).sort(([, a], [, b]) => a.length - b.length)) {
    room -= byteLength(stringify(text)) + media.length;
    if (room >= 0) kept[media] = text;
    else omitted.push(media);
  }
  if (omitted.includes('text/plain')) kept['text/plain'] = '[too large]';
  (type === 'result' ? hold : send)({ type, data: kept, omitted });
}

/** Shows values to whoever made the call; with `raw` they are bundles, by media type. */
async function display(value, options) {
  say('display', options?.raw === true ? encodedAll(value) : await bundleOf(value));
}

/** Writes at once, and has no state: an interrupt in the middle of a write leaves nothing behind. */
class Output extends Writable {
  constructor(channel) {
    super();
    this.fd = channels[channel];
  }

  write(chunk, encoding, done = encoding) {
    put(this.fd, typeof chunk === 'string' ? from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  }

  end(chunk, encoding, done) {
    if (chunk !== undefined && typeof chunk !== 'function') this.write(chunk, encoding);
    const last = [chunk, encoding, done].find((each) => typeof each === 'function');
    if (last !== undefined) process.nextTick(last);
    return this;
  }
}

class ProcessExit extends Error {
  name = 'ProcessExit';
}

function prepareGlobals() {
  for (const channel of ['stdout', 'stderr']) Object.defineProperty(process, channel, { value: new Output(channel), configurable: true, enumerable: true, writable: true });
  process.exit = (code = process.exitCode ?? 0) => {
    throw new ProcessExit(`process.exit(${code}): a context goes on; close or restart it instead`);
  };
  const hidden = { configurable: true, enumerable: false, writable: true };
  Object.defineProperties(globalThis, {
    require: { ...hidden, value: createRequire(`${process.cwd()}/`) },
    display: { ...hidden, value: display },
  });
  // What goes wrong between calls is told, and ends nothing.
  process.on('uncaughtException', (error) => process.stderr.write(`Uncaught ${plain(error)}\n`));
  process.on('unhandledRejection', (error) => process.stderr.write(`Uncaught (in promise) ${plain(error)}\n`));
  process.on('SIGINT', () => {});
}

const session = new Session();
session.connect();

const post = (method, parameters) => new Promise((resolve, reject) => session.post(method, parameters, (error, result) => (error ? reject(error) : resolve(result))));
const taken = [];
let realm;

/** The value that the inspector speaks of. */
async function valueOf({ type, subtype, value, unserializableValue, objectId }) {
  if (type === 'undefined') return undefined;
  if (type === 'bigint') return BigInt(unserializableValue.slice(0, -1));
  if (unserializableValue !== undefined) return Number(unserializableValue);
  if (objectId === undefined || subtype === 'null') return value;
  await post('Runtime.callFunctionOn', { functionDeclaration: 'function (value) { this(value); }', objectId: realm, arguments: [{ objectId }], silent: true });
  return taken.pop();
}

/** The inspector's name of a function of ours: through it values come back. */
async function prepareRealm() {
  globalThis[IMPORT] = (value) => taken.push(value);
  realm = (await post('Runtime.evaluate', { expression: IMPORT, objectGroup: 'kernel' })).result.objectId;
  Object.defineProperty(globalThis, IMPORT, { configurable: true, enumerable: false, writable: true, value: (name) => import(name) });
}

/** What calls wait for. One that nothing can settle would be collected, which the inspector tells at once: in the middle of that, when no code may run. */
const unsettled = new Set();

async function evaluate(number, code) {
  const source = code.replace(IMPORTS, (found) => (found === 'import' ? IMPORT : found));
  const expression = `${source}\n//# sourceURL=call-${number}`;
  let whole;
  // The first is that of the code as a whole.
  const stop = promiseHooks.onInit((promise) => {
    if (whole !== undefined) return;
    whole = promise;
    unsettled.add(promise);
  });
  let answer;
  try {
    answer = evaluateNow(expression);
  } finally {
    stop();
  }
  const { result, exceptionDetails } = await answer.finally(() => unsettled.delete(whole));
  if (exceptionDetails === undefined) return { value: await valueOf(result) };
  return { error: exceptionDetails.exception === undefined ? new Error(exceptionDetails.text) : await valueOf(exceptionDetails.exception) };
}

/** Like `post`, but that the first promise made in it is the code's. */
function evaluateNow(expression) {
  let settle;
  const outcome = { done: false };
  session.post('Runtime.evaluate', { expression, replMode: true, awaitPromise: true, objectGroup: 'call', silent: true }, (error, result) => {
    Object.assign(outcome, { done: true, error, result });
    settle?.();
  });
  return new Promise((resolve, reject) => {
    settle = () => (outcome.error ? reject(outcome.error) : resolve(outcome.result));
    if (outcome.done) settle();
  });
}

let current;

async function run({ run: number, code, most: room }) {
  current = number;
  most = room;
  Atomics.store(begun, 0, number);
  Atomics.notify(begun, 0);
  try {
    const outcome = await evaluate(number, code);
    if (current !== number) return;
    if ('error' in outcome) return finish(number, outcome.error);
    if (outcome.value !== undefined) {
      globalThis._ = outcome.value;
      const data = await bundleOf(outcome.value);
      if (current === number) say('result', data);
    }
    finish(number);
  } catch (error) {
    // Terminated, it was interrupted: the message that says so is on its way, and ends it.
    if (Atomics.load(interruption, 0) !== TERMINATING) finish(number, error);
  } finally {
    session.post('Runtime.releaseObjectGroup', { objectGroup: 'call' });
  }
}

/** Ends a call once, on both channels, so that the host knows that nothing of it is still to come on either. */
function finish(number, ...errors) {
  if (current !== number) return;
  current = undefined;
  for (const error of errors) report(error);
  const marked = whole(from(stringify({ end: number })), true);
  const end = whole(from(stringify({ type: 'end', call: number, status: errors.length === 0 ? 'ok' : 'error' })), true);
  // One right after the other: whoever reads wakes once.
  put(channels.stderr, marked);
  put(channels.stdout, concat([release(), end]));
}

function report(error) {
  const room = Math.min(TEXT_CHARACTERS, most / 4);
  let [name, message, traceback] = ['Error', '', ''];
  try {
    const isError = util.types.isNativeError(error) || error instanceof Error;
    name = String(isError ? error.name : 'Thrown');
    message = String(isError ? error.message : plain(error));
    // Below the code is what ran it.
    traceback = isError ? String(error.stack).replace(/\n +at Session\.post [^]*$/, '') : `Thrown ${message}`;
  } catch (worse) {
    traceback = `what was thrown cannot be shown: ${plain(worse)}`;
  }
  send({ type: 'error', name: name.slice(0, 1000), message: cut(message, room), traceback: cut(traceback, room) });
}

/** What both threads know of an interrupt. Whoever is first decides: the main thread, which hears of it, or the worker, for which it took too long. */
const interruption = new Int32Array(new SharedArrayBuffer(4));
const [ASKED, HEARD, TERMINATING] = [0, 1, 2];
/** The number of the call that the main thread has come to. */
const begun = new Int32Array(new SharedArrayBuffer(4));
/** What hears within this time is not busy. */
const HEARD_MS = 200;

/** The worker. */
function listen() {
  const { parentPort, workerData } = require('node:worker_threads');
  const { Session } = require('node:inspector');
  const { interruption, begun, ASKED, TERMINATING, HEARD_MS } = workerData;
  const waiting = [];
  let isTerminating = false;
  let terminated = 0;

  function terminate(call) {
    isTerminating = true;
    terminated = call;
    const session = new Session();
    session.connectToMainThread();
    // Answered when it is over, which takes something to end: where the code has just come to its end by itself, that is the message below.
    session.post('Runtime.terminateExecution', () => {
      // One that stays keeps a process that exits waiting for it.
      session.disconnect();
      parentPort.postMessage({ interrupted: call });
      isTerminating = false;
      next();
    });
    parentPort.postMessage({});
  }

  function next() {
    while (!isTerminating && waiting.length > 0) {
      const request = JSON.parse(waiting.shift());
      // A second one while the first takes effect.
      if (request.interrupt <= terminated) continue;
      if ('interrupt' in request) {
        // Before it is there it would be for nobody.
        const latest = Atomics.load(begun, 0);
        if (latest < request.interrupt) Atomics.wait(begun, 0, latest, HEARD_MS);
        Atomics.store(interruption, 0, ASKED);
      }
      parentPort.postMessage(request);
      if (!('interrupt' in request) || Atomics.wait(interruption, 0, ASKED, HEARD_MS) !== 'timed-out') continue;
      if (Atomics.compareExchange(interruption, 0, ASKED, TERMINATING) === ASKED) terminate(request.interrupt);
    }
  }

  // Not read by a call that blocks: a process that exits waits for its threads.
  const requests = new (require('node:net').Socket)({ fd: workerData.requests, readable: true, writable: false });
  let rest = Buffer.alloc(0);
  requests.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      waiting.push(rest.toString('utf8', 0, end));
      rest = rest.subarray(end + 1);
    }
    next();
  });
  requests.on('close', () => parentPort.postMessage({ end: true }));
}

function obey(request) {
  if ('end' in request) exit(0);
  if ('run' in request) void run(request);
  const call = request.interrupted ?? request.interrupt;
  if (call === undefined) return;
  if ('interrupt' in request) {
    const state = Atomics.compareExchange(interruption, 0, ASKED, HEARD);
    Atomics.notify(interruption, 0);
    // Not over yet: `interrupted` follows.
    if (state === TERMINATING) return;
  } else Atomics.store(interruption, 0, HEARD);
  const error = new Error('the call was interrupted');
  error.name = 'Interrupted';
  error.stack = 'Interrupted: the call was interrupted';
  finish(call, error);
}

async function serve() {
  prepareGlobals();
  await prepareRealm();
  const worker = new Worker(`(${listen})()`, { eval: true, workerData: { requests, interruption, begun, ASKED, TERMINATING, HEARD_MS } });
  worker.on('message', obey);
  worker.on('error', () => exit(FAILED));
  await new Promise((resolve) => worker.once('online', resolve));
  send({ type: 'ready', version: process.versions.node });
}

serve().catch(() => exit(FAILED));
