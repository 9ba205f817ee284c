import type { ListenerOptions } from './listener.js';

/** Plain TCP on a free port of this machine. */
export const LOCAL: ListenerOptions = {
  name: 'local',
  scheme: 'mqtt',
  host: '127.0.0.1',
  port: 0,
  path: '',
  chain: 'default',
  maxConnections: null,
  origins: null,
  tls: null,
  proxyProtocol: null,
  mode: 0o600,
};
