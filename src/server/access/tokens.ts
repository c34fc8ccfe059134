import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { type Authority, describeError, GloveboxError, type Principal } from '../../contracts/index.ts';

/** Whose tokens are believed, and what of them says who comes. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** Where its public keys are. Default: what its discovery document names is not asked for; give it. */
  readonly jwks: URL;
  /** Claims: a dot leads into an object. Default: `tenant` and `roles`. */
  readonly tenantClaim: string;
  readonly rolesClaim: string;
  /** So long after they were asked for its keys are not asked for again, however many tokens name others. Default: 30 s. */
  readonly keysCooldownMs?: number;
}

const CLOCK_TOLERANCE_S = 30;
/** Signatures with a key that the issuer alone has. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const KEYS_DEADLINE_MS = 5_000;
const KEYS_COOLDOWN_MS = 30_000;

const roleList = z.union([z.array(z.string()), z.string().transform((text) => text.split(/[ ,]+/).filter((role) => role !== ''))]);

/** Tokens of an identity provider (OIDC). Its keys may be replaced at any time: an unknown one is looked for again. */
export class Tokens {
  readonly #issuer: TokenIssuer;
  readonly #authority: Authority;
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;

  constructor(issuer: TokenIssuer, authority: Authority) {
    this.#issuer = issuer;
    this.#authority = authority;
    this.#keys = createRemoteJWKSet(issuer.jwks, { timeoutDuration: KEYS_DEADLINE_MS, cooldownDuration: issuer.keysCooldownMs ?? KEYS_COOLDOWN_MS });
  }

  /** Undefined for one that is not (or no more) valid. Errors: `issuer_unavailable` where the issuer's keys cannot be had. */
  async authenticate(token: string): Promise<Principal | undefined> {
    const { issuer, audience } = this.#issuer;
    try {
      const { payload } = await jwtVerify(token, this.#keys, { issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_S, requiredClaims: ['exp', 'sub'] });
      return this.#principal(payload);
    } catch (error) {
      if (isOfToken(error)) return undefined;
      throw new GloveboxError('issuer_unavailable', `the keys of ${issuer} cannot be had now: ${describeError(error)}`, { cause: error });
    }
  }

  #principal(payload: JWTPayload): Principal | undefined {
    const tenant = z.string().safeParse(claim(payload, this.#issuer.tenantClaim)).data;
    const roles = roleList.safeParse(claim(payload, this.#issuer.rolesClaim)).data;
    if (tenant === undefined || roles === undefined || payload.sub === undefined) return undefined;
    return this.#authority.holding(tenant, `oidc:${payload.sub}`, roles);
  }
}

/** Whether the token is what is wrong, and not how its issuer's keys were asked for. */
function isOfToken(error: unknown): boolean {
  if (error instanceof GloveboxError) return true;
  const isOfKeys = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || (error instanceof errors.JOSEError && error.code === errors.JOSEError.code);
  return error instanceof errors.JOSEError && !isOfKeys;
}

function claim(payload: JWTPayload, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined), payload);
}
