export type { ControlAnswer, ControlCommand, ControlProblem, ControlRequest } from './protocol.js';
export { refusal } from './protocol.js';
export { ControlServer, type ControlServerOptions } from './server.js';
