import { Session } from '../session/index.ts';
import { administrationHere } from './administration-here.ts';
import { attendanceAt } from './attendance.ts';
import { warnOfObserving } from './observing.ts';
import { bring, execError, inOneSandbox } from './one-sandbox.ts';
import type { Place, PlacedProgram, ProgramOptions } from './place.ts';
import { policiesHere } from './policies-here.ts';
import type { Services } from './services.ts';
import { sessionImage } from './session-image.ts';
import type { Terminal } from './terminal.ts';

/** This machine as a place. */
export function here(services: Services): Place {
  return {
    ...services,
    isHere: true,
    policies: policiesHere(services),
    ...administrationHere(services),
    runImage: async (terminal, asked, name, signal) => {
      const policy = await services.policies.load(name);
      return sessionImage(services, terminal, { asked, policy, kinds: policy.grant.kinds }, signal);
    },
    inOneSandbox: (terminal, options, signal, use) => inOneSandbox(services, terminal, options, signal, use),
    javascript: (terminal, program, options, signal) => javascript(services, terminal, program, options, signal),
  };
}

async function javascript(services: Services, terminal: Terminal, program: Parameters<Place['javascript']>[1], options: ProgramOptions, signal: AbortSignal): Promise<PlacedProgram> {
  try {
    const policy = await services.policies.load(options.policy);
    if (policy.mode === 'observe') warnOfObserving(terminal, policy.name);
    await using session = await Session.open(services.sessionPorts(attendanceAt(terminal, services.principal)), { principal: services.principal, policy, signal });
    const grants = { fetch: policy.grant.javascript.functions.includes('fetch'), ...(await filesOf(services, terminal, session, options, signal)) };
    const ran = await session.javascript({ ...program, grants, signal, ...(options.timeout === undefined ? {} : { limits: { wallMs: options.timeout } }) });
    return { ...ran, session: session.id };
  } catch (thrown) {
    throw execError(thrown);
  }
}

async function filesOf(services: Services, terminal: Terminal, session: Session, { workspace }: ProgramOptions, signal: AbortSignal) {
  if (workspace === undefined) return {};
  const sandbox = await session.sandbox('files of a program');
  await bring(services, sandbox, workspace, terminal, signal);
  return { files: sandbox.files };
}
