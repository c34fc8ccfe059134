import type { Transform } from 'node:stream';
import type { Canaries } from '../canaries/canaries.ts';
import { WebSocketGuard } from '../canaries/web-socket-guard.ts';
import { EgressRefusal } from './refusal.ts';

/** Nothing that has a canary in it goes out. Errors: `EgressRefusal`. */
export function refuseCanary(canaries: Canaries, ...texts: readonly string[]): void {
  if (!canaries.areThere) return;
  for (const text of texts) {
    const [name] = canaries.in(text);
    if (name !== undefined) throw canaryRefusal(name);
  }
}

/** The program is not told which of what it has are canaries. */
function canaryRefusal(name: string): EgressRefusal {
  return new EgressRefusal('canary', 'what was to be sent has a credential in it that goes nowhere', name);
}

/** For bytes that are on their way; `refused` hears of it before they end. */
export function guardOf(canaries: Canaries, refused?: (refusal: EgressRefusal) => void): Transform {
  return canaries.guard((name) => {
    const refusal = canaryRefusal(name);
    refused?.(refusal);
    return refusal;
  });
}

/** For the frames of a program that speaks WebSocket; `refused` hears of what ends them. */
export function webSocketGuardOf(canaries: Canaries, refused: (refusal: EgressRefusal) => void): Transform {
  const told = (refusal: EgressRefusal): EgressRefusal => {
    refused(refusal);
    return refusal;
  };
  const unclear = (): EgressRefusal => told(new EgressRefusal('request_invalid', 'a frame of a WebSocket is compressed, or in a form of an extension, and cannot be looked through'));
  return new WebSocketGuard({ canaries, found: (name) => told(canaryRefusal(name)), unclear });
}
