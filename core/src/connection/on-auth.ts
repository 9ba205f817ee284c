import { isDeepStrictEqual } from 'node:util';
import { ReasonCode } from '@portcullis/sdk';
import { type AuthPacket, encodeAuth } from '../codec/index.js';
import { ERRORS } from '../errors.js';
import { FAULT_CODE, refusalCode } from '../gate/index.js';
import type { Outcome } from '../hooks/index.js';
import { type Connection, Phase } from './connection.js';

/** AUTH: the answer to a challenge, or a re-authentication of a client that is connected (5.0 section 4.12). */
export function onAuth(connection: Connection, packet: AuthPacket): void {
  const { authenticationMethod } = connection;
  // [MQTT-4.12.0-7] [MQTT-4.12.1-1]
  if (authenticationMethod === null || packet.method !== authenticationMethod) {
    return connection.fail(ERRORS.protocol, 'AUTH with another method than the CONNECT');
  }
  if (connection.phase === Phase.CHALLENGED) {
    // [MQTT-4.12.0-3]
    if (packet.reasonCode !== ReasonCode.ContinueAuthentication) return connection.fail(ERRORS.protocol, 'AUTH that does not continue');
    connection.phase = Phase.ADMITTING;
    connection.admission?.answerChallenge(packet.data);
    return;
  }
  if (packet.reasonCode === ReasonCode.ReAuthenticate) {
    connection.reauthentication = {};
    connection.reauthenticationStep = 0;
    if (connection.leases !== null) connection.leases.judgedAgainBy = connection.client?.standing ?? null;
  } else if (packet.reasonCode !== ReasonCode.ContinueAuthentication || connection.reauthentication === null) {
    return connection.fail(ERRORS.protocol, 'AUTH that continues nothing');
  }
  ask(connection, authenticationMethod, packet.data);
}

function ask(connection: Connection, method: string, data: Buffer | null): void {
  const { client, room, reauthentication, leases } = connection;
  if (client === null || reauthentication === null) return;
  const { chain, hooks } = leases?.judgedAgainBy ?? client.standing;
  connection.cancelChallenge();
  connection.reauthenticationStep += 1;
  const request = {
    client: client.info,
    method,
    data,
    step: connection.reauthenticationStep,
    reauthentication: true,
    exchange: reauthentication,
    username: client.username,
    tenant: client.tenant,
    tls: client.tls,
  };
  let answered = false;
  const deadlineAt = room.gate.now() + chain.deadlineMs;
  const pending = hooks.askEnhanced(method, request, { deadlineAt }, (outcome) => {
    answered = true;
    take(connection, method, outcome, chain.deadlineMs);
    connection.release();
  });
  // The client's other packets wait: they would be judged by an identity that is in question.
  if (!answered) connection.hold(pending);
}

function take(connection: Connection, method: string, outcome: Outcome, deadlineMs: number): void {
  const { client, room } = connection;
  if (client === null || connection.phase !== Phase.OPEN) return;
  switch (outcome.kind) {
    case 'continue':
      if (!send(connection, encodeAuth(ReasonCode.ContinueAuthentication, method, outcome.data))) return;
      connection.awaitChallenge(deadlineMs);
      return;
    case 'allow': {
      connection.reauthentication = null;
      const identity = outcome.grant?.identity;
      const username = identity === undefined || identity.anonymous === true ? null : identity.username;
      // Rights never change hands in place.
      if (identity === undefined || username !== client.username)
        return refuse(connection, outcome.plugin, ReasonCode.NotAuthorized, 'another identity');
      client.identifiedAt = room.gate.now();
      client.leaseSeconds = outcome.grant?.leaseSeconds ?? null;
      connection.leases?.identityConfirmed();
      // The same user, with other groups or attributes: what it may do is for its sources to say anew.
      if (!isDeepStrictEqual(identity, client.identity)) {
        client.identity = identity;
        connection.leases?.invalidate();
      }
      room.gate.decided('authenticateEnhanced', outcome.plugin, 'allow', 0, client, 'refresh', null, null);
      send(connection, encodeAuth(ReasonCode.Success, method, outcome.data));
      return;
    }
    case 'deny':
      return refuse(connection, outcome.plugin, refusalCode(outcome.reason, 'disconnect'), 'the re-authentication was denied');
    case 'skip':
      return refuse(connection, null, ReasonCode.NotAuthorized, 'nobody owns the authentication method any more');
    default:
      room.gate.decided('authenticateEnhanced', null, 'fault', FAULT_CODE.disconnect, client, 'refresh', null, null);
      return connection.end(FAULT_CODE.disconnect, 'the re-authentication could not be judged');
  }
}

/** False when the client does not take a packet of that size: then it has to go. */
function send(connection: Connection, packet: Buffer): boolean {
  if (connection.takes(packet.length)) connection.out.packet(packet);
  else connection.fail(ERRORS.tooLarge, 'the client does not take an AUTH of this size');
  return connection.takes(packet.length);
}

function refuse(connection: Connection, plugin: string | null, reasonCode: number, detail: string): void {
  const { client, room } = connection;
  if (client !== null) {
    client.barred = true;
    room.gate.decided('authenticateEnhanced', plugin, 'deny', reasonCode, client, 'refresh', null, null);
  }
  connection.end(reasonCode, detail);
}
