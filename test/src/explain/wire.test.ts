import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Script } from '../hooks/actor.js';
import { Stage, VERSIONS, type Version } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import { portcullis, steady } from './command.js';

const GOLDEN = fileURLToPath(new URL('../../src/explain/golden.txt', import.meta.url));
const RULES = [
  { effect: 'deny', actions: ['publish', 'receive'], pattern: 'site/secret/#', from: 'acl:1' },
  { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: 'site/#', from: 'acl:2' },
  { effect: 'allow', actions: ['publish'], pattern: 'log/%u', from: 'acl:3', maxQos: 0, retain: false },
];
/** Nobody but the rules has an opinion. */
const POLICY: Script = { loadPolicy: ['policy', { version: 1, rules: RULES }] };

interface Scene {
  readonly name: string;
  readonly users?: Script;
  readonly code?: Script;
  readonly guard?: Script;
  readonly patch?: Script;
  readonly ask: readonly string[];
  readonly password?: string;
  /** What a real client does; absent where it sees nothing. */
  readonly act?: 'connect' | ((version: Version) => string);
}

const pub =
  (topic: string, qos: 0 | 1 | 2 = 1, retain = false) =>
  (version: Version): string =>
    publish({ topic, qos, retain, packetId: 1, ...(version === '5.0' ? { properties: '' } : {}) });
const sub =
  (filter: string, qos: 0 | 1 | 2 = 0) =>
  (version: Version): string =>
    subscribe({ packetId: 1, filters: [[filter, qos]], ...(version === '5.0' ? { properties: '' } : {}) });

const SCENES: readonly Scene[] = [
  { name: 'all is well', ask: ['connect'], act: 'connect' },
  { name: 'resolveTenant fails', patch: { resolveTenant: ['throw'] }, ask: ['connect'], act: 'connect' },
  { name: 'normalizeConnect fails', patch: { normalizeConnect: ['throw'] }, ask: ['connect'], act: 'connect' },
  { name: 'admitClient denies', guard: { admitClient: ['deny', 'banned'] }, ask: ['connect'], act: 'connect' },
  { name: 'authenticate denies', users: { authenticate: ['deny', 'bad-credentials'] }, ask: ['connect'], password: 'pw', act: 'connect' },
  { name: 'authenticate fails', users: { authenticate: ['unavailable'] }, ask: ['publish', 'site/a'], password: 'pw', act: 'connect' },
  { name: 'admitIdentity denies', guard: { admitIdentity: ['deny', 'quota'] }, ask: ['connect'], act: 'connect' },
  { name: 'loadPolicy fails', users: { loadPolicy: ['unavailable'] }, ask: ['connect'], act: 'connect' },
  { name: 'a rule allows a publish', ask: ['publish', 'site/a', '--qos', '1'], act: pub('site/a') },
  { name: 'a rule denies a publish', ask: ['publish', 'site/secret/a', '--qos', '1'], act: pub('site/secret/a') },
  { name: 'no rule allows a publish', ask: ['publish', 'home/a', '--qos', '2'], act: pub('home/a', 2) },
  { name: 'a rule allows less', ask: ['publish', 'log/user', '--qos', '1', '--retain'], act: pub('log/user', 1, true) },
  { name: 'code denies a publish', code: { authorize: ['deny', 'rate'] }, ask: ['publish', 'site/a', '--qos', '1'], act: pub('site/a') },
  { name: 'code fails', code: { authorize: ['throw'] }, ask: ['publish', 'site/a', '--qos', '1'], act: pub('site/a') },
  { name: 'guardPublish denies', guard: { guardPublish: ['deny', 'quota'] }, ask: ['publish', 'site/a', '--qos', '1'], act: pub('site/a') },
  { name: 'rewritePublish fails', patch: { rewritePublish: ['throw'] }, ask: ['publish', 'site/a', '--qos', '2'], act: pub('site/a', 2) },
  {
    name: 'guardRetain denies',
    guard: { guardRetain: ['deny', 'quota'] },
    ask: ['publish', 'site/a', '--qos', '1', '--retain'],
    act: pub('site/a', 1, true),
  },
  { name: 'a rule allows a subscription', ask: ['subscribe', 'site/a/#', '--qos', '1'], act: sub('site/a/#', 1) },
  { name: 'no rule allows a subscription', ask: ['subscribe', '$share/g/home/#'], act: sub('$share/g/home/#') },
  { name: 'code denies a subscription', code: { authorize: ['deny', 'quota'] }, ask: ['subscribe', 'site/#'], act: sub('site/#') },
  {
    name: 'guardSubscribe lowers the QoS',
    guard: { guardSubscribe: ['pass', { maxQos: 1 }] },
    ask: ['subscribe', 'site/a', '--qos', '2'],
    act: sub('site/a', 2),
  },
  { name: 'guardSubscribe fails', guard: { guardSubscribe: ['throw'] }, ask: ['subscribe', 'site/a'], act: sub('site/a') },
  { name: 'a rule denies a copy', ask: ['receive', 'site/secret/a'] },
  { name: 'guardDelivery denies', guard: { guardDelivery: ['deny', 'quota'] }, ask: ['receive', 'site/a'] },
];

describe('portcullis explain', () => {
  let stage: Stage;
  const texts: string[] = [];
  const golden = sections(readFileSync(GOLDEN, 'utf8'));

  before(async () => {
    stage = await Stage.start({
      actors: {
        users: { taps: ['authenticate', 'loadPolicy'] },
        code: { taps: ['authorize'] },
        guard: { taps: ['admitClient', 'admitIdentity', 'guardPublish', 'guardRetain', 'guardSubscribe', 'guardDelivery'] },
        patch: { taps: ['resolveTenant', 'normalizeConnect', 'rewritePublish'] },
      },
      chains: { main: { guards: ['guard'], authenticate: ['users'], authorize: ['users', 'code'] } },
      more: { control: { socket: 'control.sock' } },
    });
  });

  after(async () => {
    assert.equal(await stage.stop(), 0);
    if (process.env.PORTCULLIS_WRITE_GOLDEN === '1') writeFileSync(GOLDEN, `${texts.join('\n')}\n`);
  });

  for (const { name, users = {}, code = {}, guard = {}, patch = {}, ask, password, act } of SCENES) {
    it(`tells when ${name}, and the codes are those that real clients get`, async () => {
      await stage.script('users', { ...POLICY, ...users });
      await stage.script('code', { authorize: ['skip'], ...code });
      await stage.script('guard', guard);
      await stage.script('patch', patch);
      const who = ['explain', '--user', 'user', '--client', 'c1', ...(password === undefined ? ['--group', 'staff'] : ['--password-stdin'])];
      const ran = await portcullis(stage.broker.folder, [...who, ...ask], password);
      assert.equal(ran.err, '');
      const text = steady(ran.out);
      texts.push(`=== ${name}\n${text}`);
      assert.equal(text, golden.get(name), `see ${GOLDEN}`);
      assert.equal(ran.status, /^ALLOWED/m.test(text) ? 0 : 1);
      const codes = new Map([...text.matchAll(/^(3\.1|3\.1\.1|5\.0) {2}(.+)$/gm)].map(([, version, code]) => [version, code]));
      if (act === undefined) return;
      for (const version of VERSIONS) assert.equal(codes.get(version)?.replace(/,.*|:.*| without .*/, ''), await seen(version, act), version);
    });
  }

  /** What a real client of a version gets, in the words of an explanation. */
  async function seen(version: Version, act: Exclude<Scene['act'], undefined>): Promise<string> {
    if (act === 'connect') {
      const client = await stage.knock(version, { clientId: 'c1', username: 'user', password: 'pw' });
      const said = await answer(client, version);
      client.close();
      return said;
    }
    const client = await stage.login(version, { clientId: 'c1', password: 'pw' });
    client.send(act(version));
    const said = await answer(client, version);
    client.close();
    return said;
  }
});

async function answer(client: WireClient, version: Version): Promise<string> {
  let packet: string;
  try {
    packet = await client.readPacket();
  } catch {
    await client.expectClosed();
    return 'closed';
  }
  const [first, , ...rest] = packet.split(' ');
  const five = version === '5.0';
  switch (first) {
    case '20':
      return `CONNACK ${five ? `0x${rest[1]}` : Number(rest[1])}`;
    case '40':
    case '50': {
      const name = first === '40' ? 'PUBACK' : 'PUBREC';
      // Nobody subscribes here: what is said as 0x00 comes as 0x10.
      return five ? `${name} 0x${(rest[2] ?? '00').replace('10', '00')}` : name;
    }
    case '90':
      return `SUBACK 0x${rest.at(-1)}`;
    case 'e0':
      return `DISCONNECT 0x${rest[0]}`;
    default:
      return packet;
  }
}

function sections(text: string): Map<string, string> {
  return new Map(
    text
      .split(/^=== /m)
      .slice(1)
      .map((section): [string, string] => {
        const end = section.indexOf('\n');
        return [section.slice(0, end), section.slice(end + 1).replace(/\n$/, '')];
      }),
  );
}
