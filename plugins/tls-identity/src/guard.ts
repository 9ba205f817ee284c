import type { BrokerHooks } from '@portcullis/sdk';
import { certificateOf, secondsLeft } from './authority.js';
import { usernameOf } from './identify.js';
import type { Options } from './options.js';
import type { Refusals } from './refusals.js';

/** Lets pass who has a certificate: the plugin under `guards` of a chain. */
export function tapGuard(hooks: BrokerHooks, options: Options, refusals: Refusals, now: () => number): void {
  // Before a password is looked at: without a certificate nobody can guess one.
  hooks.admitClient.tap(({ tls }, decide) => {
    const certificate = certificateOf(tls);
    if (certificate === null) {
      refusals.withoutCertificate();
      return decide.deny('bad-credentials');
    }
    if (secondsLeft(certificate, now()) > 0) return decide.pass();
    refusals.of('expired', certificate);
    return decide.deny('bad-credentials');
  });

  if (!options.sameUser) return;
  hooks.admitIdentity.tap(({ tls, identity }, decide) => {
    const certificate = certificateOf(tls);
    if (certificate === null) return decide.deny('bad-credentials');
    const username = usernameOf(certificate, options);
    if (username !== null && identity.anonymous !== true && identity.username === username) return decide.pass();
    refusals.of('other-identity', certificate, options.username);
    return decide.deny('bad-credentials');
  });
}
