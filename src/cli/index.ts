// cli: commands and how they print. stdout is data, stderr is progress, exit codes are honest.
// It may import contracts, session, runs, policy and server; what it works with is handed to it as `Services` by app.ts.
// One file a command; `program.ts` lists them; `terminal.ts` is the only place that writes to a stream.
// Exit codes: 0 done, 1 the task failed, 2 usage, 3 denied by policy, 4 limit or budget, 5 infrastructure.
// `exec` passes the command's own code through, and gives 124 for a limit, 125 for infrastructure, 126 for a denial.
export { runCli } from './program.ts';
export { Terminal } from './terminal.ts';
export type { ServeOptions, Services, StockOptions } from './services.ts';
