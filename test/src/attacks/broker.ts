import { BrokerProcess, standardFiles } from '../support/broker-process.js';

const ACL = 'user healthy\ntopic readwrite healthy/#\nuser amy\ntopic readwrite #\n';

/** The real command with its own limits; amy attacks, and may do everything that a client may. `warmUpMs`: for its rehearsal; a test has none. */
export function startBroker(limits: Readonly<Record<string, number>> = {}, warmUpMs = 0): Promise<BrokerProcess> {
  const files = standardFiles({ amy: 'p', healthy: 'sound' }, ACL, { log: { level: 'error' }, limits });
  return BrokerProcess.start({ files, env: { PORTCULLIS_WARM_UP_MS: String(warmUpMs) } });
}
