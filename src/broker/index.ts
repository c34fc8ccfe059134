// broker: the one way out of a sandbox. It takes connections that come over the wire, and makes of them requests that policy decides one by one.
// Order of each: canonical form, decision, resolution, a look at each address, the dialling of that address, and only then a byte goes out.
// `egress/` is the proxy: what a connection wants (HTTP proxy, SOCKS5, or a name that was dialled), its requests, tunnels, limits and refusals;
// `certificates/` is the authority of a session by which it reads what is encrypted, and what a sandbox needs to trust it.
// It decides nothing and journals nothing itself: both are the session's, which it reaches by the gate that it was given. docs/egress.md
export { EgressBroker } from './egress-broker.ts';
export { systemResolver } from './system-resolver.ts';
