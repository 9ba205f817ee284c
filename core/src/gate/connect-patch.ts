import type { ConnectPatch, NormalizeConnectRequest } from '@portcullis/sdk';
import { changedInfo, isTooLong, isUtf8Text, isWhole } from './admission-types.js';

/** A CONNECT with one patch applied; null when the patch is not valid. */
export function patchedConnect(
  current: NormalizeConnectRequest,
  patch: ConnectPatch,
  maxUsernameBytes: number,
  maxExpirySeconds: number,
): NormalizeConnectRequest | null {
  const { clientId, username, keepAliveSeconds, sessionExpirySeconds } = patch;
  if (clientId !== undefined && !(isUtf8Text(clientId) && clientId !== '')) return null;
  if (username !== undefined && (!isUtf8Text(username) || isTooLong(username, maxUsernameBytes))) return null;
  if (keepAliveSeconds !== undefined && !isWhole(keepAliveSeconds, 65_535)) return null;
  if (sessionExpirySeconds !== undefined && !isWhole(sessionExpirySeconds, 0xffffffff)) return null;
  const { client } = current;
  return {
    ...current,
    username: username ?? current.username,
    client: changedInfo(client, {
      id: clientId ?? client.id,
      keepAliveSeconds: keepAliveSeconds ?? client.keepAliveSeconds,
      sessionExpirySeconds: Math.min(sessionExpirySeconds ?? client.sessionExpirySeconds, maxExpirySeconds),
    }),
  };
}
