export type { CompositionOptions, PluginUnderTest } from './composition.js';
export {
  type BackendUnderTest,
  type ConformanceCase,
  ConformanceError,
  type ConformanceOptions,
  conformance,
  conformanceCases,
  type ExpectedRight,
  type TestCredentials,
} from './conformance/index.js';
export type { FaultMode, FaultModeLike } from './fault-mode.js';
export { FaultProxy, type FaultProxyOptions, faultProxy } from './fault-proxy.js';
export type { FaultTarget } from './proxied-connection.js';
export { type ReadPacket, type ReadProperty, readPacket } from './read-packet.js';
export { startTestBroker, TestBroker, type TestBrokerOptions } from './test-broker.js';
export { type Expected, TestClient, type TestClientOptions } from './test-client.js';
export { until } from './until.js';
export { fromHex, toHex, WireClient } from './wire-client.js';
