import type { DecisionRequest } from '../../contracts/index.ts';
import type { Question } from '../question.ts';

/** A request as a person would ask it: in `tests.yaml`, say. What no rule looks at is left out. */
export function asQuestion(request: DecisionRequest): Question {
  switch (request.action) {
    case 'session.open':
      return { open: { image: request.image, kinds: [...request.kinds], limits: request.limits } };
    case 'command.exec':
      return { exec: [...request.argv] };
    case 'context.run':
      return request.language === 'python' ? { python: request.code } : { node: request.code };
    case 'javascript.run':
      return { javascript: [...request.functions] };
    case 'file.read':
      return { read: request.path };
    case 'file.list':
      return { list: request.path };
    case 'file.write':
      return { write: request.path };
    case 'file.delete':
      return { delete: request.path };
    case 'network.connect':
      return { connect: destinationOf(request) };
    case 'credential.use':
      return { credential: { id: request.credential, to: `${request.method} https://${request.host}${request.path}` } };
    case 'tool.call':
      return { tool: request.tool };
    case 'model.call':
      return { model: { name: `${request.provider}:${request.model}`, ...(request.host === undefined ? {} : { host: request.host }), ...request.worstCase, spent: request.spent } };
    case 'export.patch':
      return { export: { paths: [...request.paths], bytes: request.bytes } };
  }
}

function destinationOf({ method, scheme, host, port, path = '', registries: [registry] = [] }: Extract<DecisionRequest, { action: 'network.connect' }>): string {
  if (registry !== undefined) return `${method ?? 'GET'} ${registry}:${path}`;
  return `${method === undefined ? '' : `${method} `}${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}
