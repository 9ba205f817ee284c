import type {
  AuthenticateRequest,
  Credentials,
  DecideIdentity,
  DecideRefresh,
  Decision,
  GivePolicy,
  LoadPolicyRequest,
  PluginContext,
  RefreshIdentityRequest,
  Rule,
  VouchedUsers,
} from '@portcullis/sdk';
import type { Directory, User } from './directory.js';

/** A user who is switched off may do nothing, whoever let him in. */
const NOTHING: readonly Rule[] = [{ effect: 'deny', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'user is disabled' }];

export interface AnswersOptions {
  readonly directory: Directory;
  readonly vouched: VouchedUsers;
}

/** What a login rests on: another password, and other attributes for the rules, make it another one. */
export function markOf(vouched: VouchedUsers, { passwordHash, attributes }: User): string {
  const names = Object.keys(attributes).sort();
  return vouched.markOf(passwordHash, ...names.flatMap((name) => [name, JSON.stringify(attributes[name])]));
}

/** Answers the questions of the broker. */
export function tapAnswers({ hooks }: PluginContext, options: AnswersOptions): void {
  hooks.authenticate.tap((request, decide) => {
    const { username } = request.credentials;
    return username === null ? decide.skip() : authenticate(options, username, request, decide);
  });
  hooks.refreshIdentity.tap((request, decide) => refresh(options, request, decide));
  hooks.loadPolicy.tap((request, give) => loadPolicy(options, request, give));
}

async function authenticate(
  { directory, vouched }: AnswersOptions,
  username: string,
  { credentials, tenant }: AuthenticateRequest,
  decide: DecideIdentity,
): Promise<Decision> {
  let { changes } = directory;
  const found = await directory.user(tenant, username);
  if (found === undefined) {
    // The answer is the same whatever this says: only the time that it takes counts.
    await credentials.verify(directory.decoys.for(username));
    return decide.skip();
  }
  const user = found.value;
  const isRight = await verify(credentials, user, directory.decoys.for(username));
  if (!isRight || !user.isEnabled) return decide.deny('bad-credentials');
  const mark = markOf(vouched, user);
  // What has changed meanwhile is looked at before he is vouched for: else one who is not let in would stand for those who are.
  while (directory.changes !== changes) {
    changes = directory.changes;
    const now = await directory.user(tenant, username);
    if (now === undefined || !now.value.isEnabled || markOf(vouched, now.value) !== mark) return decide.deny('bad-credentials');
  }
  // From here on a change ends the session.
  vouched.vouch(tenant, username, mark);
  const { groups, attributes } = user;
  return decide.allow({ identity: { username, groups, attributes }, leaseSeconds: found.leftMs / 1000 });
}

/** A user without a hash can have no right password, and takes as long as any other. */
async function verify(credentials: Credentials, { passwordHash }: User, decoy: string | null): Promise<boolean> {
  if (passwordHash !== null && passwordHash !== '') return await credentials.verify(passwordHash);
  await credentials.verify(decoy);
  return false;
}

async function refresh(
  { directory, vouched }: AnswersOptions,
  { identity, tenant }: RefreshIdentityRequest,
  decide: DecideRefresh,
): Promise<Decision> {
  if (identity.anonymous === true) return decide.deny('not-authorized');
  const { username } = identity;
  const found = await directory.freshUser(tenant, username);
  if (found === undefined || !found.value.isEnabled) return decide.deny('not-authorized');
  const mark = markOf(vouched, found.value);
  if (!vouched.isVouched(tenant, username, mark)) return decide.deny('not-authorized');
  vouched.vouch(tenant, username, mark);
  return decide.allow({ leaseSeconds: found.leftMs / 1000 });
}

async function loadPolicy({ directory }: AnswersOptions, { identity, tenant }: LoadPolicyRequest, give: GivePolicy): Promise<Decision> {
  if (identity.anonymous === true) {
    const { templates, leftMs } = await directory.templates(tenant, []);
    return give.policy({ version: directory.version, templates, leaseSeconds: leftMs / 1000 });
  }
  const { user, own } = await directory.rights(tenant, identity.username);
  if (user?.value.isEnabled === false) return give.policy({ version: user.value.version, rules: NOTHING, leaseSeconds: user.leftMs / 1000 });
  const { templates, leftMs } = await directory.templates(tenant, user?.value.groups ?? []);
  const version = Math.min(own.value.version, user?.value.version ?? own.value.version);
  const leaseMs = Math.min(leftMs, own.leftMs, user?.leftMs ?? own.leftMs);
  return give.policy({ version, templates, rules: own.value.rules, leaseSeconds: leaseMs / 1000 });
}
