import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Context, GovernedSandbox } from '../../src/session/index.ts';
import { ContextRig, IMAGES, listen, reaches, say } from '../support/contexts.ts';
import { KINDS } from '../support/sandbox-kinds.ts';

/** The kernel's own channel, as code that looks for it finds it. */
const CHANNEL = 'import sys\nf = sys._getframe()\nwhile "channel" not in getattr(f.f_locals.get("self"), "__dict__", {}): f = f.f_back\nchannel = f.f_locals["self"].channel\n';
/** It says that it runs once nothing ends it any more. */
const SWALLOW = 'import time\nsaid = False\nwhile True:\n  try:\n    if not said: print("running")\n    said = True\n    while True: time.sleep(0.01)\n  except BaseException: pass';

describe.each(KINDS)('a python context in a %s', (kind) => {
  let rig: ContextRig;
  let sandbox: GovernedSandbox;
  let context: Context;
  beforeAll(async () => {
    rig = new ContextRig(kind);
    sandbox = await rig.open(IMAGES.python);
    context = await sandbox.contexts.open({ language: 'python' });
  });
  afterAll(async () => {
    await rig?.[Symbol.asyncDispose]();
  });

  describe('a call', () => {
    test('keeps what it made for the next, and gives the value of its last expression', async () => {
      expect(context.version).toMatch(/^3\.\d+\.\d+$/);
      expect(await say(context, 'import math\ndef area(r): return math.pi * r ** 2\narea(1)')).toMatchObject({ result: '3.141592653589793', end: { cause: 'finished', state: 'kept' } });
      expect(await say(context, 'round(area(2), 2)')).toMatchObject({ result: '12.57', stdout: '', stderr: '' });
      expect(await say(context, 'x = 1')).toMatchObject({ result: undefined, displays: [] });
      expect((await say(context, '_')).result).toBe('12.57');
    });

    test('gives stdout and stderr apart, as they come, with their bytes counted', async () => {
      const said = await say(context, 'import sys, os\nprint("out")\nprint("err", file=sys.stderr)\nos.system("echo child")\nprint("ü")');
      expect(said).toMatchObject({ stdout: 'out\nchild\nü\n', stderr: 'err\n', end: { cause: 'finished', output: { stdoutBytes: 13, stderrBytes: 4, droppedBytes: 0 } } });
      expect(said.events.at(-1)).toEqual({ type: 'end', end: said.end });
    });

    test('is streamed while it runs', async () => {
      const call = await context.run('import time\nprint("first")\ntime.sleep(60)');
      await reaches(call, 'first\n');
      context.interrupt();
      expect(await call.end).toMatchObject({ cause: 'interrupted', state: 'kept' });
    });

    test('that raises tells name, message and a traceback of its own lines', async () => {
      const { error, end } = await say(context, 'def f():\n  return 1 / 0\nf()');
      expect(end).toMatchObject({ cause: 'raised', state: 'kept' });
      expect(error).toMatchObject({ name: 'ZeroDivisionError', message: 'division by zero' });
      expect(error?.traceback).toMatch(/^Traceback \(most recent call last\):\n {2}File "<call \d+>", line 3, in <module>\n {4}f\(\)\n[^]*line 2, in f\n {4}return 1 \/ 0\n/);
      expect(error?.traceback).not.toContain('glovebox');
      expect((await say(context, ')(')).error).toMatchObject({ name: 'SyntaxError' });
    });

    test('shows rich values by media type, and those of display() when they come', async () => {
      const code = 'class R:\n  def _repr_html_(self): return "<b>r</b>"\n  def _repr_png_(self): return b"\\x89PNG"\n  def _repr_svg_(self): return "<svg/>"\n  def _repr_json_(self): return {"a": [1]}\n  def __repr__(self): return "R()"\ndisplay(R())\nprint("between")\nR()';
      const { displays, events } = await say(context, code);
      const data = { 'text/plain': 'R()', 'text/html': '<b>r</b>', 'image/png': 'iVBORw==', 'image/svg+xml': '<svg/>', 'application/json': '{"a": [1]}' };
      expect(displays).toEqual([{ data }, { data }]);
      expect(events.map(({ type }) => type)).toEqual(['display', 'stdout', 'result', 'end']);
      const bundle = await say(context, 'class M:\n  def _repr_mimebundle_(self, include=None, exclude=None): return {"text/latex": "$x$", "application/geo+json": {}}\nM()');
      expect(bundle.displays[0]?.data).toMatchObject({ 'text/latex': '$x$', 'application/geo+json': '{}' });
    });

    test('awaits at its top level, and what it awaits lives on', async () => {
      expect((await say(context, 'import asyncio\nqueue = asyncio.Queue()\nawait queue.put(5)\nawait asyncio.sleep(0.01)')).end.cause).toBe('finished');
      expect((await say(context, 'await queue.get()')).result).toBe('5');
    });

    test('waits for those before it, in the order of asking', async () => {
      const calls = await Promise.all(Array.from({ length: 20 }, async (_, i) => listen(await context.run(`order = (order if ${i} else []) + [${i}]\norder`))));
      expect(calls.map(({ result }) => JSON.parse(result ?? '') as number[])).toEqual(Array.from({ length: 20 }, (_, i) => Array.from({ length: i + 1 }, (__, j) => j)));
    });

    test('begins with stdout, stderr and ^C in place, whatever the one before did', async () => {
      await say(context, 'import sys, os, signal\nsys.stdout.close()\nos.close(1); os.close(2)\nsys.stderr = None\nsignal.signal(signal.SIGINT, signal.SIG_IGN)');
      expect(await say(context, 'print("out")\nimport sys\nprint("err", file=sys.stderr)')).toMatchObject({ stdout: 'out\n', stderr: 'err\n' });
      const call = await context.run('print("on")\nwhile True: pass');
      await reaches(call, 'on');
      context.interrupt();
      expect(await call.end).toMatchObject({ cause: 'interrupted', state: 'kept' });
    });

    test('reads nothing of what is meant for the kernel', async () => {
      expect(await say(context, 'import subprocess\nsubprocess.run(["cat"], capture_output=True).stdout')).toMatchObject({ result: "b''" });
      expect((await say(context, 'input()')).error).toMatchObject({ name: 'EOFError' });
    });
  });

  describe('odd code', () => {
    test.each([
      ['raise SystemExit(3)', 'SystemExit'],
      ['import sys; sys.exit("bye")', 'SystemExit'],
      ['raise KeyboardInterrupt', 'KeyboardInterrupt'],
      ['raise GeneratorExit', 'GeneratorExit'],
      ['class E(Exception):\n  def __str__(self): raise ValueError("no")\nraise E', 'E'],
      ['def f(): f()\nf()', 'RecursionError'],
    ])('%j is an exception, and the context goes on', async (code, name) => {
      expect(await say(context, code)).toMatchObject({ error: { name }, end: { cause: 'raised', state: 'kept' } });
      expect((await say(context, '1 + 1')).result).toBe('2');
    });

    test('what is no Unicode cannot be judged, and is refused', async () => {
      expect(await say(context, 'x = "\ud800"')).toMatchObject({ end: { cause: 'policy', state: 'kept' } });
      expect((await say(context, '1 + 1')).result).toBe('2');
    });

    test('a value whose repr raises, is huge, or is no text is shown all the same', async () => {
      expect((await say(context, 'class N:\n  def __repr__(self): raise ValueError("no")\nN()')).result).toBe('<N: its repr raised ValueError>');
      expect((await say(context, '"\\ud800"')).result).toBe("'\\ud800'");
      expect(await say(context, 'print("\\ud800")')).toMatchObject({ stdout: '\\ud800\n', end: { cause: 'finished' } });
      const huge = (await say(context, '"x" * 10**8')).result ?? '';
      expect(huge).toMatch(/^'x+\n\[… 99900002 characters cut …\]\nx+'$/);
      expect(huge.length).toBeLessThan(101_000);
    });

    test('a representation that is larger than a call may put out is left out, and named', async () => {
      const { displays, end } = await say(context, 'class L:\n  def _repr_html_(self): return "<" * 2_000_000\nL()');
      expect(displays).toEqual([{ data: { 'text/plain': expect.stringContaining('L object') as string }, omitted: ['text/html'] }]);
      expect(end).toMatchObject({ cause: 'finished', output: { droppedBytes: 0 } });
    });

    test('bytes that are no text, and what looks like the kernel, come through as they are', async () => {
      const call = await context.run('import os\nos.write(1, b"\\xff\\xfe\\0gbx:\\0gb")\nNone');
      const bytes: Buffer[] = [];
      for await (const event of call.events) if (event.type === 'stdout') bytes.push(event.bytes);
      expect(Buffer.concat(bytes)).toEqual(Buffer.from('fffe006762783a006762', 'hex'));
    });

    test('a child that comes back is no second kernel', async () => {
      const { stdout, result, end } = await say(context, 'import os\npid = os.fork()\nprint("here")\nif pid: os.waitpid(pid, 0)\n"done"');
      expect(stdout).toBe('here\nhere\n');
      expect(result).toBe("'done'");
      expect(end.cause).toBe('finished');
      expect((await say(context, 'pid > 0')).result).toBe('True');
    });

    test('what was monkeypatched hurts nobody but the code', async () => {
      await say(context, 'import os, json, sys\nkept = os.write, json.dumps, sys.stdout\nos.write = json.dumps = None\nsys.modules.clear()');
      expect(await say(context, 'print(6 * 7)')).toMatchObject({ stdout: '42\n', end: { cause: 'finished' } });
      await context.restart();
    });
  });

  describe('a call that does not end', () => {
    test('is interrupted in the middle of a sleep, and the state is kept', async () => {
      await say(context, 'kept = "yes"');
      const call = await context.run('import time\nprint("sleeping")\ntime.sleep(600)');
      await reaches(call, 'sleeping');
      context.interrupt();
      expect(await call.end).toMatchObject({ cause: 'interrupted', state: 'kept' });
      expect((await say(context, 'kept')).result).toBe("'yes'");
    });

    test('is interrupted in a child that it waits for', async () => {
      const call = await context.run('import os\nos.system("echo waiting; sleep 600")');
      await reaches(call, 'waiting');
      context.interrupt();
      expect((await call.end).state).toBe('kept');
      expect((await say(context, '1')).result).toBe('1');
    });

    // A copy of the interpreter takes the signal with the interpreter's own handler, which does nothing there, and becomes a program that never heard of it.
    test('is interrupted in a child that was yet to begin its program', async () => {
      const copy = 'import os, signal, time\npid = os.fork()\nif pid == 0:\n    signal.signal(signal.SIGINT, lambda *_: (print("taken", flush=True), signal.signal(signal.SIGINT, signal.SIG_DFL), os.execvp("sleep", ["sleep", "600"])))\n    print("a copy", flush=True)\n    while True: time.sleep(1)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nos.waitpid(pid, 0)';
      const call = await context.run(copy);
      await reaches(call, 'a copy');
      context.interrupt();
      expect(await call.end).toMatchObject({ cause: 'finished', state: 'kept' });
    });

    test('is interrupted once where the code hears it: what it starts to clean up comes to its end', async () => {
      const call = await context.run('import subprocess, time\ntry:\n    print("on")\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    cleaned = subprocess.run(["sh", "-c", "sleep 0.5; echo cleaned"], capture_output=True, text=True).stdout');
      await reaches(call, 'on');
      context.interrupt();
      expect(await call.end).toMatchObject({ state: 'kept' });
      expect((await say(context, 'cleaned')).result).toBe("'cleaned\\n'");
    });

    test('hears an interrupt that comes at once', async () => {
      const call = await context.run('while True: pass');
      context.interrupt();
      expect(await call.end).toMatchObject({ cause: 'interrupted', state: 'kept' });
    });

    test('ends at its wall time, with an exception that tells where', async () => {
      const { error, end } = await say(context, 'n = 0\nwhile True: n += 1', { limits: { wallMs: 300 } });
      expect(end).toMatchObject({ cause: 'timeout', state: 'kept' });
      expect(error).toMatchObject({ name: 'KeyboardInterrupt', traceback: expect.stringContaining('line 2') as string });
      expect((await say(context, 'n > 0')).result).toBe('True');
    });

    test('that swallows the interrupt loses the state, and the next call begins anew', async () => {
      const { end } = await say(context, SWALLOW, { limits: { wallMs: 200 }, graceMs: 200 });
      expect(end).toMatchObject({ cause: 'timeout', state: 'lost', interpreter: { cause: 'cancelled', tree: 'dead' } });
      const next = await say(context, '"kept" in globals()');
      expect(next).toMatchObject({ result: 'False', end: { cause: 'finished' } });
      expect(next.events[0]).toMatchObject({ type: 'restarted', interpreter: { cause: 'cancelled' } });
    });

    test('ends by its signal as cancelled, running or waiting for its turn', async () => {
      const stop = new AbortController();
      const call = await context.run(SWALLOW, { signal: stop.signal, graceMs: 200 });
      await reaches(call, 'running');
      const waiting = context.run('1', { signal: stop.signal });
      stop.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      expect(await call.end).toMatchObject({ cause: 'cancelled', state: 'lost' });
      await expect(context.run('1', { signal: stop.signal })).rejects.toThrow('enough');
    });

    test('cannot flood: it is interrupted at its output limit, and the rest is counted', async () => {
      const { stdout, end } = await say(context, 'while True: print("x" * 1000)', { limits: { outputBytes: 10_000 } });
      expect(stdout.length).toBe(10_000);
      expect(end).toMatchObject({ cause: 'output', state: 'kept', output: { stdoutBytes: 10_000 } });
      expect(end.output.droppedBytes).toBeGreaterThan(0);
      const flood = await say(context, 'while True: display(1)', { limits: { outputBytes: 10_000 } });
      expect(flood.end).toMatchObject({ cause: 'output', state: 'kept' });
      expect(flood.displays.length).toBeLessThan(1000);
    });
  });

  describe('an interpreter', () => {
    test('that leaves in the middle is a call that died, with how and with all of its output', async () => {
      const { stdout, end } = await say(context, 'import os\nprint("last words", flush=True)\nos._exit(7)');
      expect(stdout).toBe('last words\n');
      expect(end).toMatchObject({ cause: 'died', state: 'lost', interpreter: { cause: 'exited', exitCode: 7 } });
      expect(await say(context, '2')).toMatchObject({ result: '2', events: [{ type: 'restarted' }, {}, {}] });
    });

    test('that ends between two calls says so in the next', async () => {
      const ended = rig.next('command.ended');
      await say(context, 'import os, threading, time\ndef leave():\n  while not os.path.exists("/workspace/leave"): time.sleep(0.01)\n  os._exit(3)\nthreading.Thread(target=leave).start()');
      await sandbox.files.write('/workspace/leave', Buffer.alloc(0));
      expect((await ended).end).toMatchObject({ cause: 'exited', exitCode: 3 });
      const said = await say(context, '1');
      expect(said.events).toMatchObject([{ type: 'restarted', interpreter: { exitCode: 3 } }, { type: 'result' }, { type: 'end', end: { cause: 'finished', state: 'kept' } }]);
    });

    test('that runs out of memory takes only its context with it', async () => {
      const { end } = await say(context, 'kept = bytearray(b"x") * (2 * 2**30)');
      // Where limits are soft an allocation fails instead.
      expect(['died', 'raised']).toContain(end.cause);
      expect((await say(context, '1')).result).toBe('1');
    });

    test('survives a fork bomb that runs into the pid limit', async () => {
      const { end } = await say(context, 'import os, time\nchildren = []\ntry:\n  while len(children) < 500:\n    pid = os.fork()\n    if pid == 0:\n      time.sleep(600)\n      os._exit(0)\n    children.append(pid)\nfinally:\n  for pid in children: os.kill(pid, 9), os.waitpid(pid, 0)\n', { limits: { wallMs: 20_000 } });
      expect(['raised', 'finished']).toContain(end.cause);
      expect((await say(context, '1')).result).toBe('1');
    });

    test.each([
      ['ends another call', 'channel.send(type="end", call=99, status="ok")'],
      ['ends the call and goes on to speak', 'channel.send(type="end", call=f.f_locals["number"], status="ok")\nimport time\nchannel.send(type="display", data={}, omitted=[])'],
      ['begins again', 'channel.send(type="ready", version="9")'],
      ['says what is none', 'channel.send(type="root", please=True)'],
      ['says no JSON', 'channel.put(channel.out, b"{nonsense", True)'],
      ['sends a piece that has no length', 'import os\nos.write(channel.out, channel.mark + b"zzzz.")'],
      ['sends a message without an end', 'while True: channel.put(channel.out, b"x" * 4000, False)'],
      ['ends it on stderr twice', 'for _ in range(2): channel.put(channel.err, b\'{"end": %d}\' % f.f_locals["number"], True)'],
    ])('that is made to lie (%s) is ended for it, and the next call has a new one', async (_, code) => {
      const frame = CHANNEL.replace('channel = f', 'g = f\nwhile "number" not in f.f_locals: f = f.f_back\nchannel = g');
      const { end } = await say(context, `${frame}${code}\nimport time\ntime.sleep(600)`);
      expect(end).toMatchObject({ cause: 'violation', state: 'lost', detail: expect.stringContaining('the interpreter sent') as string });
      expect(await say(context, '1')).toMatchObject({ result: '1', end: { cause: 'finished' } });
    });

    test('can lie about its own call and nothing else', async () => {
      const { end, result } = await say(context, `${CHANNEL}channel.send(type="result", data={"text/plain": "a lie"}, omitted=[])\nNone`);
      expect({ result, cause: end.cause }).toEqual({ result: 'a lie', cause: 'finished' });
    });

    test('that closes everything it has is ended, and hangs nobody', async () => {
      const { end } = await say(context, 'import os\nos.closerange(0, 200)');
      expect(end).toMatchObject({ cause: 'died', state: 'lost' });
      expect((await say(context, '1')).result).toBe('1');
    });

    test('may write between calls, which is counted and not kept, until it is too much', async () => {
      await say(
        context,
        'import os, threading, time\ndef late():\n  while not os.path.exists("/workspace/go"): time.sleep(0.01)\n  print("late", flush=True)\n  open("/workspace/late", "w").close()\nthreading.Thread(target=late).start()',
      );
      // Not before that call is over.
      await sandbox.files.write('/workspace/go', Buffer.alloc(0));
      for (const deadline = Date.now() + 20_000; ; ) {
        if ((await sandbox.files.list('/workspace')).some(({ path }) => path === 'late')) break;
        if (Date.now() > deadline) throw new Error('the thread did not run');
      }
      const { stdout, end } = await say(context, '1');
      // Seen after the next call had begun it would be that call's.
      expect(stdout.length + end.output.droppedBytes).toBe(5);
      const ended = rig.next('command.ended');
      await say(context, 'import subprocess\nchild = subprocess.Popen(["yes"])', { limits: { outputBytes: 2 ** 20 } });
      expect((await ended).end).toMatchObject({ cause: 'cancelled', tree: 'dead' });
      expect((await say(context, '1')).events[0]).toMatchObject({ type: 'restarted' });
    });
  });

  describe('a context', () => {
    test('is apart from the others in its sandbox', async () => {
      await using other = await sandbox.contexts.open({ language: 'python', cwd: '/tmp', env: { WHO: 'other' } });
      await say(context, 'mine = 1');
      expect((await say(other, 'import os\n"mine" in globals(), os.getcwd(), os.environ["WHO"]')).result).toBe("(False, '/tmp', 'other')");
      const slow = await context.run('print("on")\nimport time\ntime.sleep(600)');
      await reaches(slow, 'on');
      expect((await say(other, '1 + 1')).result).toBe('2');
      context.interrupt();
      await slow.end;
    });

    test('begins anew when it is restarted, and what runs is cancelled', async () => {
      await say(context, 'before = 1');
      const call = await context.run('print("on")\nwhile True: pass');
      await reaches(call, 'on');
      const waiting = context.run('"before" in globals()');
      await context.restart();
      expect(await call.end).toMatchObject({ cause: 'cancelled', state: 'lost' });
      const next = await listen(await waiting);
      expect(next).toMatchObject({ result: 'False' });
      expect(next.events.map(({ type }) => type)).toEqual(['result', 'end']);
    });

    test('that is closed has no process left, and takes no calls', async () => {
      const other = await sandbox.contexts.open({ language: 'python' });
      const call = await other.run('import subprocess\nsubprocess.Popen(["sleep", "987"])\nprint("on", flush=True)\nwhile True: pass');
      await reaches(call, 'on');
      const waiting = other.run('1');
      const refused = expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
      await other.close();
      await refused;
      expect(await call.end).toMatchObject({ cause: 'cancelled', state: 'lost', interpreter: { tree: 'dead' } });
      await expect(other.run('1')).rejects.toMatchObject({ code: 'cancelled' });
      expect(sandbox.contexts.get(other.id)).toBeUndefined();
      expect((await say(context, 'import subprocess\nsubprocess.run(["sh", "-c", "cat /proc/*/cmdline 2>/dev/null | tr \'\\\\0\' \' \'"], capture_output=True, text=True).stdout')).result).not.toContain('sleep 987 ');
    });

    test('outlives a pause, and a call’s time stands still in it', async () => {
      await say(context, 'import time\nkept = "still"');
      const call = await context.run('print("on")\nimport time\nfor _ in range(50): time.sleep(0.01)\nkept', { limits: { wallMs: 3000 } });
      await reaches(call, 'on');
      await sandbox.pause();
      await new Promise((resolve) => setTimeout(resolve, 3200));
      await sandbox.resume();
      expect(await call.end).toMatchObject({ cause: 'finished', state: 'kept' });
      expect((await say(context, 'kept')).result).toBe("'still'");
    });
  });

  test('every call has a decision, an intent and exactly one end in the journal', async () => {
    const { end, events } = await say(context, 'print("journalled")\n6 * 7');
    const written = await rig.events();
    const started = written.filter(({ type }) => type === 'call.started');
    const ended = written.filter(({ type }) => type === 'call.ended');
    expect(ended.length).toBeGreaterThan(0);
    const ids = ended.map(({ data }) => (data as { call: string }).call);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { data } of started) expect(ids).toContain((data as { call: string }).call);
    expect(written.slice(-3)).toMatchObject([
      { type: 'decision', data: { request: { action: 'context.run', language: 'python', code: 'print("journalled")\n6 * 7', cwd: '/workspace' }, allowed: true } },
      { type: 'call.started', data: { context: context.id, sandbox: sandbox.id, language: 'python', codeHash: expect.stringMatching(/^sha256:/) as string } },
      { type: 'call.ended', data: { end, stdoutHash: expect.stringMatching(/^sha256:/) as string, stderrHash: '' } },
    ]);
    expect(events.map(({ type }) => type)).toEqual(['stdout', 'result', 'end']);
  });

  test('a sandbox that is lost ends the call as lost, and what waits is refused', async () => {
    await using own = new ContextRig(kind);
    const doomed = await own.open(IMAGES.python);
    const other = await doomed.contexts.open({ language: 'python' });
    const call = await other.run('print("on")\nwhile True: pass');
    await reaches(call, 'on');
    const refused = expect(other.run('1')).rejects.toMatchObject({ code: 'cancelled' });
    await doomed.destroy('the test ends it');
    expect(await call.end).toMatchObject({ cause: 'lost', state: 'lost', interpreter: { cause: 'lost' } });
    await refused;
  });
});
