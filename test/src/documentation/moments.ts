import { connect } from 'node:net';
import type { Behaviour } from '../hooks/actor.js';
import { Stage, type Version } from '../hooks/stage.js';
import { auth, field, PINGREQ, publish, pubrel, subscribe } from '../support/packets.js';
import { upgradeRequest } from '../support/upgrade-request.js';
import type { WireClient } from '../support/wire-client.js';

/** The refusal that the page shows: its codes differ from packet to packet. */
export const DENIED: Behaviour = ['deny', 'rate'];
export const FAULT: Behaviour = ['throw'];

const METHOD = `15 ${field('PLAIN')}`;
const DEPART = 'd0 00';

/** A broker in which one plugin is asked about everything. */
export function openStage(): Promise<Stage> {
  const taps = ['authenticate', 'authenticateEnhanced', 'refreshIdentity', 'loadPolicy', 'authorize', 'acceptConnection', 'upgradeWebSocket'];
  const more = [
    'resolveTenant',
    'normalizeConnect',
    'admitClient',
    'admitIdentity',
    'guardPublish',
    'guardRetain',
    'guardDelivery',
    'guardSubscribe',
  ];
  return Stage.start({
    actors: { mind: { taps: [...taps, ...more, 'rewritePublish'], methods: ['PLAIN'] } },
    chains: { main: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'] } },
    web: ['main'],
  });
}

/** Brings about one moment in which something is refused; gives what the client sees then. */
export type Scene = (stage: Stage, version: Version, refusal: Behaviour) => Promise<string>;

const more = (version: Version): { properties?: string } => (version === '5.0' ? { properties: '' } : {});

/** What a client hears until it hears nothing more: its packets in code marks, and whether the connection ended. */
async function heard(client: WireClient, until = DEPART): Promise<string> {
  const seen: string[] = [];
  try {
    for (let packet = await client.readPacket(); packet !== until; packet = await client.readPacket()) seen.push(`\`${packet}\``);
    client.close();
  } catch (error) {
    if (client.ending === null) throw error;
    seen.push('closed');
  }
  return seen.length === 0 ? 'nothing' : seen.join(', then ');
}

/** A ping behind it all: what the broker has to say about what was before it, it says before. */
function heardBefore(client: WireClient, ...packets: readonly string[]): Promise<string> {
  for (const packet of [...packets, PINGREQ]) client.send(packet);
  return heard(client);
}

let clients = 0;
const nextId = (): string => {
  clients += 1;
  return `c${clients}`;
};

const connecting =
  (hook: string, will = false): Scene =>
  async (stage, version, refusal) => {
    await stage.script('mind', { [hook]: refusal });
    const fields = { clientId: nextId(), username: 'user', ...(will && { will: { topic: 'will/t', payload: 'w' } }) };
    return heard(await stage.knock(version, fields));
  };

const publishing =
  (hook: string, qos: 0 | 1 | 2, retain = false): Scene =>
  async (stage, version, refusal) => {
    await stage.script('mind', { [hook]: refusal });
    const client = await stage.login(version, { clientId: nextId() });
    return heardBefore(client, publish({ topic: 't', payload: 'x', qos, retain, packetId: 2, ...more(version) }));
  };

const subscribing =
  (hook: string): Scene =>
  async (stage, version, refusal) => {
    await stage.script('mind', { [`${hook} no`]: refusal });
    const client = await stage.login(version, { clientId: nextId() });
    const filters = [
      ['no', 1],
      ['yes', 1],
    ] as const;
    return heardBefore(client, subscribe({ packetId: 1, filters, ...more(version) }));
  };

const delivering =
  (hook: string): Scene =>
  async (stage, version, refusal) => {
    await stage.script('mind', { [hook]: refusal });
    const receiver = await stage.login(version, { clientId: nextId() });
    receiver.send(subscribe({ packetId: 1, filters: [['t', 0]], ...more(version) }));
    await receiver.readPacket('a SUBACK');
    const publisher = await stage.login('3.1.1', { clientId: nextId() });
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 2 }));
    await publisher.expect('40 02 00 02');
    publisher.close();
    return heardBefore(receiver);
  };

const refreshing: Scene = async (stage, version, refusal) => {
  const allow: Behaviour = ['allow', { identity: { username: '$username' }, leaseSeconds: 0.05 }];
  await stage.script('mind', { authenticate: allow, refreshIdentity: refusal });
  return heard(await stage.login(version, { clientId: nextId() }));
};

const reloading: Scene = async (stage, version, refusal) => {
  await stage.script('mind');
  const client = await stage.login(version, { clientId: nextId() });
  await stage.script('mind', { loadPolicy: refusal });
  await stage.call('mind', 'policy.invalidate', 'all');
  return heard(client);
};

const releasing: Scene = async (stage, version, refusal) => {
  await stage.script('mind');
  const client = await stage.login(version, { clientId: nextId() });
  client.send(publish({ topic: 't', payload: 'x', qos: 2, packetId: 2, ...more(version) }));
  await client.readPacket('a PUBREC');
  await stage.script('mind', { authorize: refusal });
  return heardBefore(client, pubrel(2));
};

const proving: Scene = async (stage, version, refusal) => {
  await stage.script('mind', { authenticateEnhanced: refusal });
  return heard(await stage.knock(version, { clientId: nextId(), username: 'user', properties: METHOD }));
};

const unowned: Scene = async (stage, version) => {
  await stage.script('mind');
  return heard(await stage.knock(version, { clientId: nextId(), username: 'user', properties: `15 ${field('OTHER')}` }));
};

const provingAgain: Scene = async (stage, version, refusal) => {
  await stage.script('mind');
  const client = await stage.login(version, { clientId: nextId(), properties: METHOD });
  await stage.script('mind', { authenticateEnhanced: refusal });
  return heardBefore(client, auth(0x19, METHOD));
};

const accepting: Scene = async (stage, _version, refusal) => {
  await stage.script('mind', { acceptConnection: refusal });
  return heard(await stage.open());
};

const upgrading: Scene = async (stage, _version, refusal) => {
  await stage.script('mind', { upgradeWebSocket: refusal });
  const socket = connect(stage.broker.port('main-web'), '127.0.0.1');
  socket.write(upgradeRequest());
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  await new Promise((resolve, reject) => socket.once('end', resolve).once('error', reject));
  socket.destroy();
  return `HTTP ${/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]}`;
};

/** What may be refused, as the page calls it. */
export const SCENES: Readonly<Record<string, Scene>> = {
  'a socket (`acceptConnection`)': accepting,
  'a WebSocket (`upgradeWebSocket`)': upgrading,
  'CONNECT: `admitClient`': connecting('admitClient'),
  'CONNECT: `authenticate`': connecting('authenticate'),
  'CONNECT: `authenticateEnhanced`': proving,
  'CONNECT: `admitIdentity`': connecting('admitIdentity'),
  'CONNECT: `authorize` for its will': connecting('authorize will/t', true),
  'CONNECT: `resolveTenant`': connecting('resolveTenant'),
  'CONNECT: `normalizeConnect`': connecting('normalizeConnect'),
  'CONNECT: `loadPolicy`': connecting('loadPolicy'),
  'CONNECT with a method that nobody owns': unowned,
  'SUBSCRIBE 1 for `no` and `yes`: `authorize`': subscribing('authorize'),
  'SUBSCRIBE 1 for `no` and `yes`: `guardSubscribe`': subscribing('guardSubscribe'),
  'PUBLISH, QoS 0: `authorize`': publishing('authorize', 0),
  'PUBLISH 2, QoS 1: `authorize`': publishing('authorize', 1),
  'PUBLISH 2, QoS 2: `authorize`': publishing('authorize', 2),
  'PUBLISH, QoS 0: `guardPublish`': publishing('guardPublish', 0),
  'PUBLISH 2, QoS 1: `guardPublish`': publishing('guardPublish', 1),
  'PUBLISH 2, QoS 2: `guardPublish`': publishing('guardPublish', 2),
  'PUBLISH, QoS 0: `rewritePublish`': publishing('rewritePublish', 0),
  'PUBLISH 2, QoS 1: `rewritePublish`': publishing('rewritePublish', 1),
  'PUBLISH 2, QoS 2: `rewritePublish`': publishing('rewritePublish', 2),
  'PUBLISH 2, QoS 1, RETAIN: `guardRetain`': publishing('guardRetain', 1, true),
  'PUBREL 2: `authorize`': releasing,
  'a copy for a receiver: `authorize`': delivering('authorize receive'),
  'a copy for a receiver: `guardDelivery`': delivering('guardDelivery'),
  're-authentication: `authenticateEnhanced`': provingAgain,
  'a lease that ended: `refreshIdentity`': refreshing,
  'an invalidation: `loadPolicy`': reloading,
};
