import { BrokerProcess, standardFiles } from '../support/broker-process.js';

const ACL = 'user healthy\ntopic readwrite healthy/#\nuser amy\ntopic readwrite #\n';

/** The real command with its own limits; amy attacks, and may do everything that a client may. */
export function startBroker(limits: Readonly<Record<string, number>> = {}): Promise<BrokerProcess> {
  return BrokerProcess.start({ files: standardFiles({ amy: 'p', healthy: 'sound' }, ACL, { log: { level: 'error' }, limits }) });
}
