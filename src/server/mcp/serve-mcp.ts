import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { Redactor } from '../../contracts/index.ts';
import type { SessionPorts } from '../../session/index.ts';
import { mcpServer } from './mcp-server.ts';
import type { FixOptions } from './run-tools.ts';
import { Workplace, type WorkplaceOptions } from './workplace.ts';

export interface StdioMcp {
  readonly ports: SessionPorts;
  readonly version: string;
  readonly redactor: Redactor;
  readonly work: WorkplaceOptions;
  readonly fix: FixOptions;
  readonly signal: AbortSignal;
}

/** Serves one client over stdin and stdout until it has gone or the signal fires; what it had is ended then. */
export async function serveMcp({ ports, version, redactor, work, fix, signal }: StdioMcp): Promise<void> {
  await using workplace = new Workplace(ports, work);
  const gone = Promise.withResolvers<void>();
  const handle = serveStdio(() => mcpServer({ version, redactor, workplace, fix }), { transport: new StdioServerTransport() });
  process.stdin.once('end', gone.resolve).once('close', gone.resolve);
  signal.addEventListener('abort', () => gone.resolve(), { once: true });
  if (signal.aborted) gone.resolve();
  await gone.promise;
  await handle.close();
}
