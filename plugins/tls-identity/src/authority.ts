import type { AuthenticateRequest, BrokerHooks, ClientCertificate, Identity, NamedIdentity, TlsEvidence } from '@portcullis/sdk';
import { identify } from './identify.js';
import type { Options } from './options.js';
import type { Refusals } from './refusals.js';

/** The certificate that was verified, if there is one. */
export function certificateOf(tls: TlsEvidence | null): ClientCertificate | null {
  return tls?.certificate ?? null;
}

/** Seconds that a certificate has left, by a clock of milliseconds since 1970; none or fewer when it is over. */
export function secondsLeft({ validTo }: ClientCertificate, now: number): number {
  return (validTo - now) / 1000;
}

/** Says who a client is: the plugin under `authenticate` of a chain. */
export function tapAuthority(hooks: BrokerHooks, options: Options, refusals: Refusals, now: () => number): void {
  hooks.authenticate.tap(({ tls, credentials }, decide) => {
    const certificate = certificateOf(tls);
    // Nothing was shown, or nothing that was verified: another authority may know the client.
    if (certificate === null) return decide.skip();
    const found = identify(certificate, options);
    if ('unfit' in found) {
      refusals.of(found.unfit, certificate, found.source);
      return decide.deny('bad-credentials');
    }
    const leaseSeconds = secondsLeft(certificate, now());
    // A resumed TLS session does not look at the dates again.
    if (!(leaseSeconds > 0)) {
      refusals.of('expired', certificate);
      return decide.deny('bad-credentials');
    }
    if (!matches(credentials, found.identity, options)) {
      refusals.of('other-username', certificate);
      return decide.deny('bad-credentials');
    }
    return decide.allow({ identity: found.identity, leaseSeconds });
  });

  // Asked before the certificate is over, and when the configuration has changed: it may say another identity by the new options.
  hooks.refreshIdentity.tap(({ tls, identity }, decide) => {
    const certificate = certificateOf(tls);
    if (certificate === null) return decide.deny('not-authorized');
    const leaseSeconds = secondsLeft(certificate, now());
    if (!(leaseSeconds > 0)) {
      refusals.of('expired', certificate);
      return decide.deny('not-authorized');
    }
    const found = identify(certificate, options);
    if ('identity' in found && isSame(found.identity, identity)) return decide.allow({ leaseSeconds });
    refusals.of('other-identity', certificate);
    return decide.deny('not-authorized');
  });
}

function matches({ username: claimed }: AuthenticateRequest['credentials'], { username }: NamedIdentity, { match }: Options): boolean {
  if (match === 'ignore') return true;
  return claimed === null ? match === 'absent-or-equal' : claimed === username;
}

/** Rights may hang on groups and attributes as they do on the name. */
function isSame(found: NamedIdentity, identity: Identity): boolean {
  if (identity.anonymous === true || identity.username !== found.username) return false;
  const groups = identity.groups ?? [];
  const attributes = Object.entries(identity.attributes ?? {});
  const wanted = found.attributes ?? {};
  return (
    groups.length === (found.groups?.length ?? 0) &&
    groups.every((group, index) => group === found.groups?.[index]) &&
    attributes.length === Object.keys(wanted).length &&
    attributes.every(([name, value]) => wanted[name] === value)
  );
}
