import { type TestReport, type TreeId, WORKSPACE, type Workspace } from '../contracts/index.ts';
import { collectOutput, type Session } from '../session/index.ts';

/** What is kept of a test's output. */
const OUTPUT = { headBytes: 4_096, tailBytes: 12_288 };

/** Runs the tests of a tree in a fresh sandbox of their own. Whatever they do is a report; only what is wrong with us is thrown. */
export async function runTests(session: Session, workspace: Workspace, tree: TreeId, test: { command: string; purpose: string }): Promise<TestReport> {
  const { signal } = session;
  const sandbox = await session.sandbox(test.purpose);
  try {
    await sandbox.files.unpack(WORKSPACE, workspace.tar(tree, signal), { signal });
    const running = await sandbox.exec({ argv: ['sh', '-c', test.command], signal });
    const { end, text } = await collectOutput(running, OUTPUT);
    signal.throwIfAborted();
    return { command: test.command, end, outputTail: text, passed: end.cause === 'exited' && end.exitCode === 0 };
  } finally {
    // The report, or what went wrong, is the thing to tell: what could not be removed now is tried again when the session closes.
    await sandbox.destroy('the tests are over').catch(() => {});
  }
}
