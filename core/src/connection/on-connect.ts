import { ReasonCode } from '@portcullis/sdk';
import { type ConnackProperties, type ConnectPacket, encodeAuth, encodeConnack } from '../codec/index.js';
import { type AdmissionResult, type ConnectRequest, type GateClient, LeaseKeeper, type Message, type Standing } from '../gate/index.js';
import { type Connection, Phase } from './connection.js';

/** Takes a CONNECT through the gate, gives the client its session and answers. */
export function onConnect(connection: Connection, packet: ConnectPacket): void {
  const { room, transport } = connection;
  connection.version = packet.protocolVersion;
  connection.phase = Phase.ADMITTING;
  room.strangers.heard(connection.stranger);
  connection.authenticationMethod = packet.authenticationMethod;
  connection.outlet.maxPacketBytes = packet.maximumPacketSize;
  const mount = room.gate.tenancy.mountOf(transport.info.listener);
  connection.outlet.mount = mount;
  // A limit was reached already when its socket came.
  if (connection.stranger.refusal !== 0) return connection.refuse(connection.stranger.refusal);
  const request: ConnectRequest = {
    connection: transport.info,
    mountpoint: mount?.text ?? '',
    tls: transport.tls,
    protocolVersion: packet.protocolVersion,
    clientId: packet.clientId,
    cleanStart: packet.cleanStart,
    keepAliveSeconds: packet.keepAliveSeconds,
    username: packet.username,
    password: packet.password,
    sessionExpirySeconds: packet.sessionExpirySeconds,
    authenticationMethod: packet.authenticationMethod,
    authenticationData: packet.authenticationData,
    userProperties: packet.userProperties,
    will: packet.will === null || mount === null ? packet.will : { ...packet.will, topic: mount.topic(packet.will.topic) },
  };
  const admission = room.gate.admit(chainNow(connection), request, (result) => admitted(connection, packet, result));
  connection.admission = admission;
  admission?.start();
}

function chainNow({ room, transport, chain, stranger }: Connection): string {
  return room.gate.chainNow(transport.info.listener, chain, stranger.deadlineAt - room.limits.connectTimeoutMs);
}

/** What judges an accepted client now; undefined when it does not let it in, or would take it for another tenant's, or have it below another mountpoint. */
function standingNow(connection: Connection, { client, tenancy }: AdmissionResult & { readonly kind: 'accepted' }): Standing | undefined {
  const { gate } = connection.room;
  const { listener } = connection.transport.info;
  return gate.tenancy.agrees(tenancy, listener) ? gate.standingAt(listener, client.tenant, chainNow(connection)) : undefined;
}

function admitted(connection: Connection, packet: ConnectPacket, result: AdmissionResult): void {
  if (connection.phase === Phase.CLOSED) return;
  if (result.kind === 'challenge') {
    const { authenticationMethod, admission } = connection;
    if (authenticationMethod === null || admission === null) return;
    // [MQTT-4.12.0-2]
    const auth = encodeAuth(ReasonCode.ContinueAuthentication, authenticationMethod, result.data);
    if (!connection.takes(auth.length)) return connection.refuse(ReasonCode.PacketTooLarge);
    connection.out.packet(auth);
    connection.challenged(admission.deadlineAt);
    connection.resume();
    return;
  }
  connection.admission = null;
  if (result.kind === 'refused') return connection.refuse(result.reasonCode);
  open(connection, packet, result);
}

function open(connection: Connection, packet: ConnectPacket, result: AdmissionResult & { readonly kind: 'accepted' }): void {
  const { room } = connection;
  const { client } = result;
  const standing = standingNow(connection, result);
  // A generation was switched while this CONNECT was on its way: the next one is asked by the rules that are in force now.
  if (standing === undefined || !standing.chain.authenticate.includes(client.authority)) {
    client.binding.release();
    room.gate.connectDecided('session', null, 'deny', ReasonCode.ServerUnavailable, client.info, client.username, 'the configuration has changed');
    return connection.refuse(ReasonCode.ServerUnavailable);
  }
  const { outlet, version } = connection;
  const properties = version === 5 ? connackProperties(connection, packet, client, result.assignedClientId, result.authData) : undefined;
  // A client that could not take the CONNACK is refused before it takes a session over.
  if (properties !== undefined && !connection.takes(encodeConnack(version, false, 0, properties).length)) {
    client.binding.release();
    return connection.refuse(ReasonCode.PacketTooLarge);
  }
  const will = result.will === null || packet.will === null ? null : willOf(result.will, packet.will);
  room.custody.begin();
  const opened = room.registry.open(client, outlet, packet.cleanStart, will);
  if (opened.kind === 'refused') {
    client.binding.release();
    room.gate.connectDecided('session', null, 'deny', opened.reasonCode, client.info, client.username, 'the session was refused');
    return connection.refuse(opened.reasonCode);
  }
  const { session, present } = opened;
  connection.client = client;
  connection.session = session;
  // Until the CONNACK has left, a session that was made for it ends with the connection.
  if (!present) connection.newExpirySeconds = 0;
  connection.keepAliveSeconds = client.info.keepAliveSeconds;
  session.inFlight.limit = Math.min(packet.receiveMaximum, room.limits.maxInflight);
  const mark = room.custody.end();
  // The store cannot hold the session: better no session than one that is lost.
  if (mark === null) return connection.refuse(ReasonCode.ServerUnavailable);
  connection.leases = new LeaseKeeper(
    room.gate,
    client,
    (reasonCode, detail) => {
      if (connection.phase === Phase.OPEN) return connection.end(reasonCode, detail);
      // It has had no CONNACK, so it gets one.
      connection.refuse(reasonCode === ReasonCode.NotAuthorized ? reasonCode : ReasonCode.ServerUnavailable);
    },
    (judged) => session.recheck('code', judged),
  );
  session.leases = connection.leases;
  if (standing.generation !== client.standing.generation) connection.leases.renew(standing);
  else if (client.outdated) connection.leases.invalidate();
  if (connection.phase === Phase.CLOSED) return;
  const connack = encodeConnack(version, present, 0, properties);
  // [MQTT-3.2.0-1] CONNACK first: what the session holds follows it.
  connection.acknowledgements.send(mark, connack, () => accepted(connection, present));
}

function accepted(connection: Connection, present: boolean): void {
  const { room, session, client } = connection;
  if (session === null || client === null) return;
  connection.newExpirySeconds = null;
  connection.opened();
  if (connection.phase !== Phase.OPEN) return;
  session.resend(connection.outlet);
  if (room.gate.hears('clientConnected')) {
    room.gate.tell('clientConnected', { client: client.info, identity: client.identity, tenant: client.tenant, sessionPresent: present });
  }
  connection.resume();
}

function willOf(message: Message, fields: { readonly delaySeconds: number; readonly messageExpirySeconds: number }) {
  return { message, delaySeconds: fields.delaySeconds, expirySeconds: fields.messageExpirySeconds };
}

function connackProperties(
  connection: Connection,
  packet: ConnectPacket,
  client: GateClient,
  assignedClientId: string | null,
  authData: Buffer | null,
): ConnackProperties {
  const { limits } = connection.room;
  const { info } = client;
  const properties: { -readonly [Name in keyof ConnackProperties]: ConnackProperties[Name] } = {
    receiveMaximum: limits.receiveMaximum,
    maximumPacketSize: limits.maxPacketBytes,
    topicAliasMaximum: limits.topicAliasMaximum,
  };
  if (info.sessionExpirySeconds !== (packet.sessionExpirySeconds ?? 0)) properties.sessionExpirySeconds = info.sessionExpirySeconds;
  if (info.keepAliveSeconds !== packet.keepAliveSeconds) properties.serverKeepAliveSeconds = info.keepAliveSeconds;
  // [MQTT-3.2.2-16] Also when the broker, or a plugin, chose another one than the client.
  if (assignedClientId !== null || info.id !== packet.clientId) properties.assignedClientId = info.id;
  // [MQTT-4.12.0-5]
  if (connection.authenticationMethod !== null) properties.authenticationMethod = connection.authenticationMethod;
  if (authData !== null) properties.authenticationData = authData;
  return properties;
}
