export { Delivery } from './delivery.js';
export { Awaited, InFlight } from './in-flight.js';
export type { Outlet } from './outlet.js';
export { type OpenResult, type PublisherKeeper, SESSION_REFUSALS, type SessionRefusal, SessionRegistry, tenantKey } from './registry.js';
export { countDrop, type SessionRoom } from './room.js';
export { Session } from './session.js';
