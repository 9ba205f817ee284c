import { BrokerProcess, standardFiles } from '../support/broker-process.js';

const ACL = 'user healthy\ntopic readwrite healthy/#\nuser amy\ntopic readwrite #\n';

/** A user with a hash as slow as `portcullis-passwd` makes it; no attacker knows the password. */
const SLOW = 'vault:$argon2id$v=19$m=19456,t=2,p=1$NACK71QHD7xxhD3Fe1hWZQ$lGFFtFHRoXLhpQ+Lw/a83tCsp1BZNhGPlM4IQ6CRhx4\n';

/** The real command with its own limits; amy attacks, and may do everything that a client may. `warmUpMs`: for its rehearsal; a test has none. */
export function startBroker(limits: Readonly<Record<string, number>> = {}, warmUpMs = 0): Promise<BrokerProcess> {
  const files = standardFiles({ amy: 'p', healthy: 'sound' }, ACL, { log: { level: 'error' }, limits });
  return BrokerProcess.start({
    files: { ...files, 'data/passwords': `${files['data/passwords']}${SLOW}` },
    env: { PORTCULLIS_WARM_UP_MS: String(warmUpMs) },
  });
}
