// Our egress for `bench egress`, in a process of its own, as the service has it: that of a session, with its policy, its redaction, and its journal sealed on the disk. What a wire would bring comes over TCP.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openServices } from '../src/app.ts';
import type { Broker, Egress } from '../src/contracts/index.ts';
import { FilePolicies } from '../src/policy/index.ts';
import { Session } from '../src/session/index.ts';

const [folder = '', ...upstreams] = process.argv.slice(2);
const [secure = ''] = upstreams;
/** Lent for `lent.test` alone, so that nothing else is looked through. */
const SECRET = 'ghp_9aTqZrLmNpQwErTyUiOpAsDfGhJkLzXcVbN1';
await mkdir(join(folder, 'bench'), { recursive: true });
const rules = upstreams.map((port) => `{ host: up.test, port: ${port}, methods: [GET], paths: ["/*"], private: true }`);
await writeFile(join(folder, 'bench', 'policy.yaml'), `name: bench\nnetwork: [${rules.join(', ')}, { host: lent.test, port: ${secure}, private: true }]\ncredentials: [{ id: token, placeholder: TOKEN, bind: { host: lent.test, port: ${secure} } }]\negress: { requests: 1000000000, rate: 1000000, download: 1000GB }\n`);
await writeFile(join(folder, 'credentials.yaml'), 'token: { provider: environment, variable: SECRET }\n');
await writeFile(join(folder, 'hosts'), '127.0.0.1 up.test lent.test\n');
const services = await openServices({ env: { GLOVEBOX_HOME: folder, SECRET }, version: 'bench' });
const ports = services.sessionPorts();
const opened = Promise.withResolvers<Egress>();
const broker: Broker = {
  open: async (options) => {
    if (ports.broker === undefined) throw new Error('there is no broker');
    const egress = await ports.broker.open(options);
    opened.resolve(egress);
    return egress;
  },
  ports: () => Promise.reject(new Error('nothing stands ready here')),
};
await Session.open({ ...ports, broker }, { principal: services.principal, policy: await new FilePolicies([folder]).load('bench') });
const egress = await opened.promise;
const server = createServer({ allowHalfOpen: true, noDelay: true }, (stream) => egress.accept({ via: 'proxy', port: 3128, stream }));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
console.log(JSON.stringify({ placeholder: egress.provisions('/x').env['TOKEN'] ?? '', authority: egress.certificate, port: (server.address() as AddressInfo).port }));
