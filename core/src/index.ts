export { Broker, type BrokerOptions } from './broker.js';
export type { PortcullisConfig } from './config/index.js';
export { Logger, type LogLevel } from './log.js';
