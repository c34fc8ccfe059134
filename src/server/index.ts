// server: sandboxes, runs and what belongs to them over HTTP, for platforms in any language; docs/api.md.
// One zod schema a route validates what comes in, types the handler and makes the OpenAPI document.
// `access/` says who asks: nothing is served to nobody but health. Objects of another tenant are not there (404).
// `sandboxes/` holds what clients have open, and ends it when they vanish; `routes/` has a file for each noun of the API; `mcp/` is the same for models;
// `terminals/` serves WebSockets, `idempotency/` has each write done once for a key, `document.ts` completes the OpenAPI document.
// Everything that is done goes through a `Session`, a `Runs` or a port: nothing is decided here.
export { type ApiKey, ApiKeys } from './access/api-keys.ts';
export { serveMcp, type StdioMcp } from './mcp/serve-mcp.ts';
export { openServer, type RunningServer, type ServerOptions } from './server.ts';
export type { ServerPorts } from './server-ports.ts';
