import type {
  AuthenticateRequest,
  Credentials,
  DecideIdentity,
  DecideRefresh,
  Decision,
  GivePolicy,
  GroupTemplates,
  Identity,
  LoadPolicyRequest,
  RefreshIdentityRequest,
  Rule,
} from '@portcullis/sdk';
import type { Directory, User } from './directory.js';
import { type Layout, nameProblem } from './layout.js';
import type { Decoys, Memory } from './memory.js';

const MS_PER_SECOND = 1000;
/** Of the rights of whom Redis does not know: such an answer is never kept, so that it is always the newest. */
const NO_VERSION = 'unknown';

export interface AnswersOptions {
  readonly directory: Directory;
  readonly templates: GroupTemplates;
  readonly memory: Memory;
  readonly decoys: Decoys;
  readonly layout: Layout;
}

/** Answers what the broker asks, by what Redis says. */
export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  authenticate({ credentials, tenant }: AuthenticateRequest, decide: DecideIdentity): Decision | Promise<Decision> {
    const name = credentials.username;
    // A name that cannot be in Redis costs neither a question nor a hash.
    return name === null || nameProblem(name) !== null ? decide.skip() : this.#login(name, credentials, tenant, decide);
  }

  async #login(name: string, credentials: Credentials, tenant: string | null, decide: DecideIdentity): Promise<Decision> {
    const { directory, decoys } = this.#options;
    const found = (await directory.user(tenant, name))?.value;
    if (found === undefined) {
      // The answer is the same whatever this says: only the time that it takes counts.
      await credentials.verify(decoys.for(name));
      return decide.skip();
    }
    const hasHash = found.hash !== '';
    if (hasHash) decoys.note(found.hash);
    const matches = await credentials.verify(hasHash ? found.hash : decoys.for(name));
    if (!matches || !hasHash || !found.enabled) return decide.deny('bad-credentials');
    // Hashing takes long: what has changed meanwhile has no session yet that could be ended.
    const user = await directory.user(tenant, name);
    if (user === undefined || !user.value.enabled || user.value.hash !== found.hash) return decide.deny('bad-credentials');
    this.#know(tenant, name, user.value);
    const { groups, attributes } = user.value;
    return decide.allow({ identity: { username: name, groups, attributes }, leaseSeconds: user.leftMs / MS_PER_SECOND });
  }

  async refreshIdentity({ identity, tenant }: RefreshIdentityRequest, decide: DecideRefresh): Promise<Decision> {
    const { directory, memory } = this.#options;
    const name = nameOf(identity);
    const user = name === null ? undefined : await directory.user(tenant, name);
    if (name === null || user === undefined || !user.value.enabled || user.value.hash === '') return decide.deny('not-authorized');
    const known = memory.known(directory.userKey(tenant, name));
    const now = memory.standingOf(user.value);
    // Of whom nothing is remembered, nobody can say that the password is still the one that he came in with.
    if (known === undefined || known.password !== now.password || known.attributes !== now.attributes) return decide.deny('not-authorized');
    this.#know(tenant, name, user.value);
    return decide.allow({ leaseSeconds: user.leftMs / MS_PER_SECOND });
  }

  async loadPolicy({ identity, tenant }: LoadPolicyRequest, give: GivePolicy): Promise<Decision> {
    const { directory, templates, layout } = this.#options;
    const name = nameOf(identity);
    const user = name === null ? undefined : await directory.user(tenant, name);
    const groups = user?.value.enabled === true ? user.value.groups : [];
    // Whom Redis does not know may have come in by another authority: what everybody may, and may not, holds for them, too.
    const shared = await templates.use(tenant, [null, ...groups]);
    if (name === null || user === undefined) {
      return give.policy({ version: NO_VERSION, templates: shared.templates, leaseSeconds: shared.leftMs / MS_PER_SECOND });
    }
    this.#know(tenant, name, user.value);
    return give.policy({
      version: user.value.announced,
      templates: shared.templates,
      rules: user.value.enabled ? user.value.rules : [denyAll(layout.user(tenant, name))],
      leaseSeconds: Math.min(user.leftMs, shared.leftMs) / MS_PER_SECOND,
    });
  }

  /** Notes how a user stands on whom a session will rest. One that is known in another version is being looked at already. */
  #know(tenant: string | null, name: string, user: User): void {
    const { directory, memory } = this.#options;
    const key = directory.userKey(tenant, name);
    if (memory.known(key) === undefined) memory.know(key, memory.standingOf(user));
  }
}

/** Somebody else may have let a disabled user in, and a third give rights. */
function denyAll(key: string): Rule {
  return { effect: 'deny', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: `${key} enabled` };
}

function nameOf(identity: Identity): string | null {
  return identity.anonymous === true || nameProblem(identity.username) !== null ? null : identity.username;
}
