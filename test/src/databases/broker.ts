import { BrokerProcess } from '../support/broker-process.js';

/** What is told to the plugin and its chain, in milliseconds. */
export const TIMEOUT_MS = 1200;
export const DEADLINE_MS = 2000;

/** A broker with one listener, `local`, whose users and rights are those of one plugin, given as its entry of `plugins.json`. */
export function startBrokerWith(users: Readonly<Record<string, unknown>>): Promise<BrokerProcess> {
  return BrokerProcess.start({
    files: {
      'plugins.json': {
        version: 1,
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
        plugins: { users },
        chains: { default: { authenticate: ['users'], authorize: ['users'], deadlineMs: DEADLINE_MS } },
      },
    },
  });
}
