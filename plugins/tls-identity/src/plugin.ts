import { type ClientCertificate, definePlugin, type Identity, InvalidPluginConfig, type NamedIdentity, type TlsEvidence } from '@portcullis/sdk';
import { CONFIG } from './config.js';
import { identify, type Options, usernameOf } from './identify.js';
import { Refusals } from './refusals.js';

/** The plugin, with a clock of milliseconds since 1970: certificates say when they end by it. */
export function makePlugin(now: () => number) {
  return definePlugin({
    name: 'tls-identity',
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
    taps: ['admitClient', 'admitIdentity', 'authenticate', 'refreshIdentity'],
    config: CONFIG,

    start({ hooks, log, metrics }, options) {
      requireDistinctNames(options);
      const refusals = new Refusals(log, metrics, now);
      /** Seconds that a certificate has left; none or fewer when it is over. */
      const secondsLeft = ({ validTo }: ClientCertificate): number => (validTo - now()) / 1000;

      // As a guard: before a password is looked at.
      hooks.admitClient.tap(({ tls }, decide) => {
        const certificate = certificateOf(tls);
        if (certificate === null) {
          refusals.withoutCertificate();
          return decide.deny('bad-credentials');
        }
        // A resumed TLS session does not look at the dates again.
        if (secondsLeft(certificate) > 0) return decide.pass();
        refusals.of('expired', certificate);
        return decide.deny('bad-credentials');
      });

      hooks.admitIdentity.tap(({ tls, identity }, decide) => {
        const certificate = certificateOf(tls);
        if (certificate === null) return decide.deny('bad-credentials');
        if (!options.sameUser) return decide.pass();
        const username = usernameOf(certificate, options);
        if (username !== null && identity.anonymous !== true && identity.username === username) return decide.pass();
        refusals.of('other-identity', certificate, options.username);
        return decide.deny('bad-credentials');
      });

      hooks.authenticate.tap(({ tls, credentials }, decide) => {
        const certificate = certificateOf(tls);
        // Nothing was shown, or nothing that was verified: another authority may know the client.
        if (certificate === null) return decide.skip();
        const found = identify(certificate, options);
        if ('unfit' in found) {
          refusals.of(found.unfit, certificate, found.source);
          return decide.deny('bad-credentials');
        }
        const leaseSeconds = secondsLeft(certificate);
        if (!(leaseSeconds > 0)) {
          refusals.of('expired', certificate);
          return decide.deny('bad-credentials');
        }
        if (!matches(credentials.username, found.identity, options)) {
          refusals.of('other-username', certificate);
          return decide.deny('bad-credentials');
        }
        return decide.allow({ identity: found.identity, leaseSeconds });
      });

      // Asked before the certificate is over, and when the configuration has changed: it may say another identity by the new options.
      hooks.refreshIdentity.tap(({ tls, identity }, decide) => {
        const certificate = certificateOf(tls);
        if (certificate === null) return decide.deny('not-authorized');
        const leaseSeconds = secondsLeft(certificate);
        if (!(leaseSeconds > 0)) {
          refusals.of('expired', certificate);
          return decide.deny('not-authorized');
        }
        const found = identify(certificate, options);
        if ('identity' in found && isSame(found.identity, identity)) return decide.allow({ leaseSeconds });
        refusals.of('other-identity', certificate);
        return decide.deny('not-authorized');
      });
    },
  });
}

function certificateOf(tls: TlsEvidence | null): ClientCertificate | null {
  return tls?.certificate ?? null;
}

function matches(claimed: string | null, { username }: NamedIdentity, { match }: Options): boolean {
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

function requireDistinctNames({ attributes }: Options): void {
  const names = new Set<string>();
  for (const { name } of attributes) {
    if (names.has(name)) throw new InvalidPluginConfig(`attributes: "${name}" is given twice; give each attribute a name of its own`);
    names.add(name);
  }
}
