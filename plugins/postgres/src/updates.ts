import type { PolicySelector, PolicyService, SourceVersions, VouchedUsers } from '@portcullis/sdk';
import type { Change } from './changes.js';
import type { Directory } from './directory.js';

export interface UpdatesOptions {
  readonly directory: Pick<Directory, 'userChanged' | 'groupChanged' | 'tenantChanged' | 'allChanged'>;
  readonly vouched: Pick<VouchedUsers, 'changed' | 'tenantChanged' | 'allChanged'>;
  readonly policy: Pick<PolicyService, 'invalidate'>;
  readonly versions: Pick<SourceVersions, 'current' | 'announced'>;
}

/** Each user is looked for among all sessions; from so many on it is cheaper to ask about everybody. */
const MAX_SINGLE_USERS = 200;
/** The same for tenants: each is looked for among all that is kept. */
const MAX_SINGLE_TENANTS = 100;

/** Takes what has changed to all that rests on it. */
export class Updates {
  readonly #options: UpdatesOptions;

  constructor(options: UpdatesOptions) {
    this.#options = options;
  }

  /** First everything is forgotten that has changed, then it is asked for anew: no question in between finds what was. */
  take(changes: readonly Change[]): void {
    const { directory, vouched } = this.#options;
    const tenants = new Set(changes.flatMap((change) => (change.kind === 'tenant' ? [change.tenant] : [])));
    if (tenants.size > MAX_SINGLE_TENANTS || changes.some(({ kind }) => kind === 'all')) {
      directory.allChanged();
      this.#invalidate('all');
      void vouched.allChanged();
      return;
    }
    const users = changes.filter(isOfUser);
    for (const tenant of tenants) directory.tenantChanged(tenant);
    for (const { tenant, name } of users) directory.userChanged(tenant, name);
    for (const change of changes) {
      if (change.kind === 'group') directory.groupChanged(change.tenant, change.name);
      else if (change.kind === 'everybody') directory.groupChanged(change.tenant, null);
    }
    for (const tenant of tenants) this.#invalidate({ tenant });
    // Of those that have not changed what is known is older than this version, and counts all the same.
    if (users.length > MAX_SINGLE_USERS) this.#options.policy.invalidate('all');
    else for (const { tenant, name } of users) this.#invalidate({ tenant, username: name });
    for (const tenant of tenants) void vouched.tenantChanged(tenant);
    for (const { tenant, name } of users) vouched.changed(tenant, name);
  }

  #invalidate(selector: PolicySelector): void {
    const { policy, versions } = this.#options;
    if (versions.current === null) policy.invalidate(selector);
    else policy.invalidate(selector, versions.announced(versions.current.version));
  }
}

function isOfUser(change: Change): change is Extract<Change, { readonly name: string }> {
  return change.kind === 'user';
}
