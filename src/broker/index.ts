// broker: the one way out of a sandbox, and credentials that it uses without having them.
// `egress/` is the proxy: what a connection wants (HTTP proxy, SOCKS5, or a name that was dialled), its requests, tunnels, limits and refusals; each request is brought into canonical
// form, decided, resolved, its addresses looked at, and only then dialled. `certificates/` is a session's authority. docs/egress.md
// `secrets/` keeps secrets at rest under a master key; `credentials/` lends them (providers, leases, placeholders) and swaps them both ways. docs/credentials.md
// `redaction/` keeps them, and what looks like one, out of what is written down, shown, or sent to a model.
// `registries/` finds the package registries of the operator's own clients, and makes clients inside find them. docs/registries.md
// It decides nothing and journals nothing itself: both are the session's, which it reaches by the gate that it was given.
export { CredentialDetector } from './redaction/credential-detector.ts';
export { newCredentials } from './redaction/new-credentials.ts';
export { KnownSecrets } from './redaction/known-secrets.ts';
export { Redaction } from './redaction/redaction.ts';
export { CredentialSources } from './credentials/credential-sources.ts';
export { Credentials } from './credentials/credentials.ts';
export { LentRecords } from './credentials/lent-records.ts';
export { EgressBroker } from './egress-broker.ts';
export { MasterEnvelopes } from './secrets/master-envelopes.ts';
export { MasterKeys } from './secrets/master-keys.ts';
export { RegistryCaches } from './registry-cache/registry-caches.ts';
export { SecretStore } from './secrets/secret-store.ts';
export { OperatorFiles } from './registries/operator-files.ts';
export { OperatorRegistries } from './registries/operator-registries.ts';
export { systemResolver } from './system-resolver.ts';
