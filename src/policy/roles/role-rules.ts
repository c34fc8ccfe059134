import { describeError, type Permission, type Principal } from '../../contracts/index.ts';
import { cedar } from '../cedar/wasm.ts';

/** What roles let their holders do, as Cedar policies: a permit for each, and nothing reaches into another tenant. */
export class RoleRules {
  readonly #policies: Readonly<Record<string, string>>;

  constructor(permissions: readonly { readonly role: string; readonly permission: Permission }[]) {
    const permits = permissions.map(({ role, permission }) => [`${role} may ${permission}`, `permit (principal in Role::${JSON.stringify(role)}, action == Action::${JSON.stringify(permission)}, resource);`]);
    this.#policies = { ...Object.fromEntries(permits), tenants: 'forbid (principal, action, resource) unless { principal in resource };' };
  }

  /** Anything but a plain yes is a no. */
  allow({ tenant, name, roles }: Principal, permission: Permission, owner: string): boolean {
    const user = { type: 'User', id: name };
    try {
      const answer = cedar().isAuthorized({
        principal: user,
        action: { type: 'Action', id: permission },
        resource: { type: 'Tenant', id: owner },
        context: {},
        policies: { staticPolicies: { ...this.#policies } },
        entities: [{ uid: user, attrs: {}, parents: [{ type: 'Tenant', id: tenant }, ...roles.map((role) => ({ type: 'Role', id: role }))] }],
      });
      return answer.type === 'success' && answer.response.decision === 'allow' && answer.response.diagnostics.errors.length === 0;
    } catch (error) {
      throw new Error(`the roles cannot be asked: ${describeError(error)}`, { cause: error });
    }
  }
}
