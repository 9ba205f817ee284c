import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import type { Behaviour, Script } from './actor.js';
import { rules, Stage, VERSIONS, type Version } from './stage.js';

/** Seconds; short, so that nobody waits long. */
const LEASE = 0.2;
const leased = (leaseSeconds: number): Behaviour => ['allow', { identity: { username: '$username' }, leaseSeconds }];
const policy = (version: number, list: readonly object[], more: object = {}): Behaviour => ['policy', { version, rules: list, ...more }];
const ALL = rules('allow', '#');

/** Reason, code of a DISCONNECT of 5.0. */
const CODES: readonly (readonly [reason: unknown, code5: number])[] = [
  ['bad-credentials', 0x87],
  ['not-authorized', 0x87],
  ['banned', 0x98],
  ['rate', 0x96],
  ['quota', 0x97],
  ['busy', 0x89],
  [0x8b, 0x8b],
  [0x9c, 0x9c],
  [0x86, 0x87],
  [0xfe, 0x87],
];

const FAULTS: readonly Behaviour[] = [
  ['throw'],
  ['reject'],
  ['hang'],
  ['return'],
  ['return', true],
  ['return', { allow: true }],
  ['kept'],
  ['skip'],
  ['deny', 1],
  ['unavailable'],
];

describe('what does not last', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'refreshIdentity', 'loadPolicy'], entry: { timeoutMs: 300 } },
        once: { taps: ['authenticate', 'loadPolicy'] },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        once: { authenticate: ['once', 'mind'], authorize: ['once'] },
        grace: { authenticate: ['mind'], authorize: ['mind'], staleGraceMs: 60_000 },
        short: { authenticate: ['mind'], authorize: ['mind'], staleGraceMs: 400 },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['mind', 'once']) await stage.script(actor, {});
    await stage.forget();
  });

  function login(version: Version, chain = 'main'): Promise<WireClient> {
    next += 1;
    return stage.login(version, { clientId: `c${next}` }, chain);
  }

  async function ends(client: WireClient, version: Version, code5: number): Promise<void> {
    if (version === '5.0') await client.expect(`e0 01 ${code5.toString(16)}`);
    await client.expectClosed();
  }

  /** One client of each version. */
  async function all(chain = 'main'): Promise<(readonly [WireClient, Version])[]> {
    const clients: (readonly [WireClient, Version])[] = [];
    for (const version of VERSIONS) clients.push([await login(version, chain), version]);
    return clients;
  }

  /** Clients of all versions at the same time, each with an end of its own. They are let in before the script that ends them. */
  async function together(hook: string, before: Script, cases: readonly (readonly [behaviour: Behaviour, code5: number])[]): Promise<void> {
    await stage.script('mind', before);
    const keeper = await stage.login('5.0', { clientId: 'keeper' });
    const clients = await Promise.all(
      cases.flatMap(([behaviour, code5], index) =>
        VERSIONS.map(async (version) => {
          const clientId = `${hook}-${index}-${version}`;
          return { clientId, version, behaviour, code5, client: await stage.login(version, { clientId }) };
        }),
      ),
    );
    await stage.script('mind', { ...before, ...Object.fromEntries(clients.map(({ clientId, behaviour }) => [`${hook} ${clientId}`, behaviour])) });
    for (const { version, behaviour, code5, client } of clients) {
      try {
        await ends(client, version, code5);
      } catch (error) {
        throw new Error(`${version}, ${JSON.stringify(behaviour)}: ${error instanceof Error ? error.message : error}`);
      }
    }
    keeper.close();
  }

  describe('an identity', () => {
    it('is confirmed again and again by the plugin that gave it', async () => {
      await stage.script('mind', { authenticate: leased(LEASE), refreshIdentity: ['async', ['allow']] });
      const clients = await all();
      for (const [index, version] of VERSIONS.entries()) {
        await stage.heard('mind', 'refreshIdentity', ({ client }: { client: { id: string; protocol: string } }) => client.protocol === version);
        await clients[index]?.[0].silence();
      }
      const { identity, tenant, tls, ageSeconds } = await stage.heard('mind', 'refreshIdentity');
      assert.deepEqual([identity, tenant, tls], [{ username: 'user' }, null, null]);
      assert.ok(typeof ageSeconds === 'number' && ageSeconds >= 0 && ageSeconds < 5);
      await stage.forget();
      await stage.heard('mind', 'refreshIdentity');
      for (const [client] of clients) client.close();
    });

    it('gets the next lease that the plugin says', async () => {
      await stage.script('mind', { authenticate: leased(LEASE), refreshIdentity: ['allow', { leaseSeconds: 3600 }] });
      const client = await login('5.0');
      await stage.heard('mind', 'refreshIdentity');
      await stage.script('mind', { refreshIdentity: ['deny', 'banned'] });
      await stage.forget();
      const other = await login('5.0', 'once');
      await other.silence();
      await client.silence(3 * LEASE * 1000);
      assert.deepEqual(await stage.asked('mind', 'refreshIdentity'), []);
      client.close();
      other.close();
    });

    it('that is denied ends with the code of the reason; 3.x is closed', () =>
      together(
        'refreshIdentity',
        { authenticate: leased(LEASE) },
        CODES.map(([reason, code5]) => [['deny', reason], code5]),
      ));

    it('that nobody can confirm ends with 0x89, whatever goes wrong; 3.x is closed', () =>
      together(
        'refreshIdentity',
        { authenticate: leased(LEASE), 'refreshIdentity keeper': ['keep', ['allow']] },
        FAULTS.map((behaviour) => [behaviour, 0x89]),
      ));

    it('is as old as it may be when the plugin cannot confirm it: 0x87, and no other plugin is asked', async () => {
      await stage.script('once', { authenticate: leased(LEASE) });
      for (const [client, version] of await all('once')) await ends(client, version, 0x87);
      assert.deepEqual(await stage.asked('mind', 'refreshIdentity'), []);
    });

    it('stands while the grace lasts, and is asked for until it is confirmed or denied', async () => {
      await stage.script('mind', { authenticate: leased(LEASE), refreshIdentity: ['throw'] });
      const clients = await all('grace');
      for (const [client, version] of clients) {
        await stage.heard('mind', 'refreshIdentity', ({ client }: { client: { protocol: string } }) => client.protocol === version);
        await client.silence();
      }
      await stage.script('mind', { refreshIdentity: ['allow'] });
      await stage.forget();
      await stage.heard('mind', 'refreshIdentity');
      for (const [client] of clients) await client.silence();
      await stage.script('mind', { refreshIdentity: ['deny', 'banned'] });
      for (const [client, version] of clients) await ends(client, version, 0x98);
    });

    it('ends with 0x89 when the grace is over', async () => {
      await stage.script('mind', { authenticate: leased(LEASE), refreshIdentity: ['throw'] });
      for (const [client, version] of await all('short')) await ends(client, version, 0x89);
    });
  });

  describe('rights', () => {
    it('are asked for again when their lease ends, and those of the moment are in force', async () => {
      await stage.script('mind', { loadPolicy: policy(1, ALL, { leaseSeconds: LEASE }) });
      const client = await login('5.0');
      client.send(publish({ topic: 't', qos: 1, packetId: 1, properties: '' }));
      await client.expect('40 03 00 01 10');
      await stage.heard(
        'mind',
        'loadPolicy',
        ({ reason, knownVersion }: { reason: string; knownVersion: number }) => reason === 'lease' && knownVersion === 1,
      );
      await stage.script('mind', { loadPolicy: policy(2, rules('deny', 't')) });
      // The lease of version 1 ends once more; from then on it is version 2.
      await eventually(client, 't', '87');
      client.close();
    });

    it('that nobody can tell end with 0x89, whatever goes wrong; 3.x is closed', () =>
      together(
        'loadPolicy',
        { loadPolicy: policy(1, ALL, { leaseSeconds: LEASE }), 'loadPolicy keeper': ['keep', policy(1, ALL)] },
        [
          ...FAULTS.filter(([what]) => what !== 'skip' && what !== 'deny'),
          policy(2, [{ effect: 'allow', actions: ['publish'], pattern: 'a/#/b', from: 'x' }]),
          ['policy', { version: 2, templates: ['none'] }] as const,
          ['policy', { version: 2, leaseSeconds: -1 }] as const,
        ].map((behaviour) => [behaviour, 0x89]),
      ));

    it('stand as they are while the grace lasts, and no longer', async () => {
      await stage.script('mind', { loadPolicy: policy(1, rules('allow', 'yes'), { leaseSeconds: LEASE }) });
      const client = await login('5.0', 'grace');
      const short = await login('5.0', 'short');
      await stage.script('mind', { loadPolicy: ['unavailable'] });
      await stage.forget();
      await stage.heard('mind', 'loadPolicy', (request: { reason: string }) => request.reason === 'lease');
      client.send(publish({ topic: 'yes', qos: 1, packetId: 1, properties: '' }) + publish({ topic: 'no', qos: 1, packetId: 2, properties: '' }));
      await client.expect('40 03 00 01 10 40 03 00 02 87');
      await ends(short, '5.0', 0x89);
      await client.silence();
      // When the source is back, its answer counts at once.
      await stage.script('mind', { loadPolicy: policy(2, rules('allow', 'no')) });
      await eventually(client, 'yes', '87');
      client.close();
    });

    it('that are nothing any more leave the client connected without any', async () => {
      await stage.script('mind', { loadPolicy: policy(1, ALL, { leaseSeconds: LEASE }) });
      const client = await login('5.0');
      client.send(subscribe({ packetId: 1, filters: [['t', 0]], properties: '' }));
      await client.expect('90 04 00 01 00 00');
      await stage.script('mind', { loadPolicy: ['nothing'] });
      await eventually(client, 't', '87');
      client.close();
    });
  });

  /** Publishes until the answer is this one; copies that come back on the way are passed over. */
  async function eventually(client: WireClient, topic: string, code: string): Promise<void> {
    const until = Date.now() + 5000;
    for (let packetId = 10; Date.now() < until; packetId += 1) {
      client.send(publish({ topic, qos: 1, packetId, properties: '' }));
      let answer = await client.readPacket();
      while (answer.startsWith('3')) answer = await client.readPacket();
      if (answer.endsWith(code) && answer.startsWith('40 03')) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`a publish to ${topic} was never answered with ${code}`);
  }
});
