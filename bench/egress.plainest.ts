// The plainest proxy that Node's http makes, for `bench egress`, in a process of its own. It decides nothing and writes nothing.
import { Agent, createServer, request as ask } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

const agent = new Agent({ keepAlive: true });
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const { hostname, port, pathname } = new URL(request.url ?? '');
  const onward = ask({ host: hostname, port, path: pathname, method: request.method ?? 'GET', headers: request.headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  request.pipe(onward);
});
server.on('connect', (request, stream) => {
  const [host = '', port = ''] = (request.url ?? '').split(':');
  const onward = connect({ host, port: Number(port), noDelay: true }, () => {
    stream.write('HTTP/1.1 200 OK\r\n\r\n');
    stream.pipe(onward).pipe(stream);
  });
  onward.on('error', () => stream.destroy());
  stream.on('error', () => onward.destroy());
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
