// Our egress for `bench egress`, in a process of its own, as the service has it: with a real policy and a real journal. What a wire would bring comes over TCP.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Credentials, CredentialSources, EgressBroker, KnownSecrets, LentRecords, MasterKeys, SecretStore } from '../src/broker/index.ts';
import { systemClock } from '../src/contracts/index.ts';
import { SqliteJournal } from '../src/journal/index.ts';
import { FilePolicies } from '../src/policy/index.ts';

const [folder = '', ...ports] = process.argv.slice(2);
const [secure = ''] = ports;
/** Lent for `lent.test` alone, so that nothing else is looked through. */
const SECRET = 'ghp_9aTqZrLmNpQwErTyUiOpAsDfGhJkLzXcVbN1';
await mkdir(join(folder, 'bench'), { recursive: true });
const rules = ports.map((port) => `{ host: up.test, port: ${port}, methods: [GET], paths: ["/*"], private: true }`);
await writeFile(join(folder, 'bench', 'policy.yaml'), `name: bench\nnetwork: [${rules.join(', ')}, { host: lent.test, port: ${secure}, private: true }]\ncredentials: [{ id: token, placeholder: TOKEN, bind: { host: lent.test, port: ${secure} } }]\negress: { requests: 1000000000, rate: 1000000, download: 1000GB }\n`);
const policy = await new FilePolicies([folder]).load('bench');
const journal = new SqliteJournal(join(folder, 'journal.db'), { clock: systemClock });
const { network, credentials } = policy.grant;
if (network === undefined) throw new Error('the policy of this bench opens no network');
const now = (): number => systemClock.now();
const masterKeys = new MasterKeys({ env: {}, stateDir: folder });
const sources = new CredentialSources({ file: join(folder, 'credentials.yaml'), store: new SecretStore({ folder: join(folder, 'secrets'), masterKeys, now }), env: { SECRET }, now });
await writeFile(join(folder, 'credentials.yaml'), 'token: { provider: environment, variable: SECRET }\n');
const known = new KnownSecrets();
const lender = new Credentials({ sources, records: new LentRecords({ folder: join(folder, 'lent'), masterKeys }), owner: 'bench', isDead: () => false, known, now });
const broker = new EgressBroker({ clock: systemClock, credentials: lender, known, registries: { find: async () => [] }, resolve: () => Promise.resolve(['127.0.0.1']) });
const egress = await broker.open({
  network,
  credentials,
  signal: AbortSignal.timeout(600_000),
  gate: {
    decide: async (request) => {
      const decision = policy.decide(request);
      const allowed = decision.effect === 'allow';
      await journal.append('bench', [{ type: 'decision', data: { request, decision, allowed } }]);
      return { allowed, decision };
    },
    record: async (events) => void (await journal.append('bench', events)),
  },
});
const server = createServer({ allowHalfOpen: true, noDelay: true }, (stream) => egress.accept({ via: 'proxy', port: 3128, stream }));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
console.log(JSON.stringify({ placeholder: egress.provisions('/x').env['TOKEN'] ?? '', authority: egress.certificate, port: (server.address() as AddressInfo).port }));
