import { type ControlAnswer, type ControlRequest, refusal } from '../control/index.js';
import { isUtf8Text } from '../gate/index.js';
import type { SessionAdmin } from '../session-admin.js';

/** Sessions that one answer shows. */
export const MAX_LISTED = 10_000;
export const LISTED = 100;

/** The answer to "sessions". */
export async function sessionsAnswer(admin: Pick<SessionAdmin, 'list' | 'release'>, request: ControlRequest): Promise<ControlAnswer> {
  const { action, limit = LISTED, disconnect = false } = request;
  const { client: clientId = null, username = null, tenant = null } = request;
  for (const [name, value] of Object.entries({ client: clientId, username, tenant })) {
    if (value !== null && !isUtf8Text(value)) return unsound(`"${name}" must be text`);
  }
  const [client, user, of] = [clientId, username, tenant] as (string | null)[];
  switch (action) {
    case 'list': {
      if (!isCount(limit)) return unsound(`"limit" must be a whole number from 1 to ${MAX_LISTED}`);
      const found = await admin.list({ clientId: client ?? null, username: user ?? null, tenant: of ?? null }, limit);
      return found === null ? starting() : { ok: true, ...found };
    }
    case 'release': {
      if (typeof disconnect !== 'boolean') return unsound('"disconnect" must be true or false');
      // An empty one is nobody's: clients without an identifier are given one.
      if (client === null || client === undefined || client === '') return unsound('"client" must be the client identifier');
      return released(admin.release(client, of ?? null, disconnect), of ?? null);
    }
    default:
      return unsound('"action" must be list or release');
  }
}

function released(outcome: ReturnType<SessionAdmin['release']>, tenant: string | null): ControlAnswer {
  switch (outcome) {
    case null:
      return starting();
    case 'released':
      return { ok: true, released: true };
    case 'connected':
      return refusal('its client is connected, and the session stays', '--disconnect ends the connection, too');
    case 'none':
      return refusal(`no session has this client identifier ${tenant === null ? 'without a tenant' : 'in this tenant'}`, '"session list" shows them');
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_LISTED;
}

function unsound(what: string): ControlAnswer {
  return refusal(`the request about sessions is not sound: ${what}`);
}

function starting(): ControlAnswer {
  return refusal('the broker is still starting');
}
