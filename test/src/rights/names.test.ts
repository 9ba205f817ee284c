import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Level, Peer, Scene } from '../conformance/scene.js';
import { rules, Stage } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';

const LEVELS: readonly Level[] = [4, 5];
const REFUSED = { 3: 0x80, 4: 0x80, 5: 0x87 } as const;
/** Names that would be more than one level, any level, or another variable, if they were read as part of the rule; and names of JavaScript's own. */
const NAMES = ['+', '#', 'a/b', '/', '%c', '%u', '%%', 'ann#', '+/+', '$SYS', '__proto__', 'constructor', 'hasOwnProperty'] as const;
/** Of these, those that are one level and no wildcard: they own what is called like them, to the letter. */
const ONE_LEVEL = new Set<string>(['%c', '%u', '%%', '$SYS', '__proto__', 'constructor', 'hasOwnProperty']);
/** A line of a password file that begins with # is none. */
const USERNAMES = NAMES.filter((name) => name !== '#');
const ACL = `topic readwrite open/#
pattern readwrite dev/%u/#
pattern readwrite id/%c/#
pattern readwrite both/%u/%c
user owner
topic readwrite #
`;

describe('a rule with %u or %c', () => {
  let scene: Scene;
  before(async () => {
    const users = Object.fromEntries(['owner', 'ann', ...USERNAMES].map((name) => [name, 'secret']));
    scene = await Scene.start({ acl: ACL, users });
  });
  after(() => scene.stop());

  const as = (username: string): object => ({ username, password: 'secret' });

  /** The topics are somebody else's: nothing of its reaches them, and nothing of them reaches it, in any way. */
  async function isKeptOut(peer: Peer, who: object, topics: readonly string[], filters: readonly string[]): Promise<void> {
    const { level } = peer;
    const [owner, watcher] = [await scene.open(level, as('owner')), await scene.open(level, as('owner'))];
    await watcher.subscribe([['#', 0]]);
    const codes = await peer.subscribe(filters.map((filter) => [filter, 1] as const));
    assert.deepEqual(
      codes,
      filters.map(() => REFUSED[level]),
    );
    for (const topic of topics) {
      assert.equal(await peer.publish1({ topic, payload: 'in' }), level === 5 ? 0x87 : 0, topic);
      await peer.publish0({ topic, payload: 'in', retain: true });
      const refused = await scene.refusal(level, { clientId: scene.name(), ...who, will: { topic, payload: 'in' } });
      assert.equal(refused, level === 5 ? 0x87 : 5, `a will to ${topic}`);
      await owner.publish1({ topic, payload: 'out' });
      assert.equal((await watcher.next()).payload, 'out', 'nothing came before it');
    }
    await peer.silence();
    await owner.leave();
    await watcher.leave();
  }

  it('means nothing for an anonymous client, which stays connected and has what everybody has', async () => {
    for (const level of LEVELS) {
      const peer = new Peer(await scene.wire(), level);
      await peer.connect({ clientId: scene.name('nobody') });
      const filters = ['dev/ann/#', 'dev/+/#', 'dev//#', 'dev/#', 'dev/%u/#', 'both/+/+'];
      await isKeptOut(peer, {}, ['dev/ann/x', 'dev//x', 'dev/null/x', 'dev/undefined/x'], filters);
      const topic = scene.name('open/');
      assert.deepEqual(await peer.subscribe([[topic, 0]]), [0]);
      peer.publish({ topic, payload: 'mine' });
      assert.equal((await peer.next()).payload, 'mine');
      await peer.leave();
    }
  });

  for (const name of USERNAMES) {
    it(`takes the username ${JSON.stringify(name)} for what it is: no other topic opens to it`, async () => {
      for (const level of LEVELS) {
        const peer = await scene.open(level, as(name));
        await isKeptOut(peer, as(name), ['dev/ann/x', 'dev/a/b/x', 'dev/x'], ['dev/ann/#', 'dev/a/b/#', 'dev/x']);
        const own = `dev/${name}/x`;
        if (ONE_LEVEL.has(name)) {
          assert.deepEqual(await peer.subscribe([[own, 0]]), [0]);
          peer.publish({ topic: own, payload: 'mine' });
          assert.equal((await peer.next()).topic, own);
        } else assert.deepEqual(await peer.subscribe([['dev/+/#', 0]]), [REFUSED[level]]);
        await peer.leave();
      }
    });
  }

  for (const name of NAMES) {
    it(`takes the client identifier ${JSON.stringify(name)} for what it is, beside a username in the same rule too`, async () => {
      for (const level of LEVELS) {
        const peer = await scene.open(level, { clientId: name, ...as('ann') });
        await isKeptOut(peer, as('ann'), ['id/other/x', 'both/ann/ann', 'both/bob/x', 'both/ann/x'], ['id/other/#', 'both/ann/ann', 'both/bob/+']);
        const filters = ['id/+/#', 'both/ann/+'] as const;
        const granted = ONE_LEVEL.has(name) ? 0 : REFUSED[level];
        assert.deepEqual(await peer.subscribe(filters.map((filter) => [filter, 0])), [granted, granted]);
        await peer.leave();
      }
    });
  }

  it('takes the username "#" for what it is, wherever rules and users come from', async () => {
    const stage = await Stage.start({
      actors: { mind: { taps: ['authenticate', 'loadPolicy'] } },
      chains: { main: { authenticate: ['mind'], authorize: ['mind'] } },
    });
    try {
      await stage.script('mind', { loadPolicy: ['policy', { version: 1, rules: rules('allow', 'dev/%u/#', 'dev-%u', 'x/%u') }] });
      for (const version of ['3.1.1', '5.0'] as const) {
        const client = await stage.login(version, { clientId: version, username: '#' });
        const given = version === '5.0' ? { properties: '' } : {};
        const filters = ['dev/ann/#', 'dev/#', 'dev/+/#', 'dev-ann', 'x/#', 'x/+', '#'].map((filter) => [filter, 0] as const);
        client.send(subscribe({ packetId: 1, filters, ...given }));
        await client.expect(version === '5.0' ? '90 0a 00 01 00 87 87 87 87 87 87 87' : '90 09 00 01 80 80 80 80 80 80 80');
        client.send(publish({ topic: 'dev/ann/x', qos: 1, packetId: 2, ...given }));
        await client.expect(version === '5.0' ? '40 03 00 02 87' : '40 02 00 02');
        client.close();
      }
    } finally {
      assert.equal(await stage.stop(), 0);
    }
  });
});
