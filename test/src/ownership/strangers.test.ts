import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eachLevel, LEVELS, type Level, lasting, type Peer, Scene } from '../conformance/scene.js';
import { refusal, Stage, type Version } from '../hooks/stage.js';
import { uint32 } from '../support/packets.js';

const ALICE = { username: 'alice', password: 'secret' };
const BOB = { username: 'bob', password: 'hidden' };
/** The plugin of the scene lets in whoever names nobody. */
const NOBODY = {};
const takenCode = (level: Level): number => (level === 5 ? 0x85 : 2);

describe('a client identifier that is somebody else’s', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  /** Everybody else, with everything that could make room for them. */
  async function othersAreRefused(level: Level, clientId: string, will: { topic: string; payload: string }): Promise<void> {
    for (const who of [BOB, NOBODY]) {
      for (const fields of [{ cleanSession: true }, level === 3 ? { cleanSession: false } : lasting(level), { will }]) {
        assert.equal(await scene.refusal(level, { clientId, ...who, ...fields }), takenCode(level));
      }
    }
  }

  async function works(peer: Peer, root: string, payload: string): Promise<void> {
    peer.publish({ topic: `${root}/own`, payload });
    assert.equal((await peer.next()).payload, payload);
  }

  for (const durable of [true, false]) {
    it(`is refused while its owner is connected, ${durable ? 'with a session that lasts' : 'also without one'}; the owner notices nothing`, async () => {
      await eachLevel(LEVELS, async (level) => {
        const root = scene.name('owner/');
        const watcher = await scene.open(level);
        await watcher.subscribe([[`${root}/#`, 0]]);
        const clientId = scene.name();
        const will = { topic: `${root}/will`, payload: 'will' };
        const owner = await scene.open(level, { clientId, ...ALICE, will, ...(durable ? lasting(level) : {}) });
        await owner.subscribe([[`${root}/own`, 0]]);
        await othersAreRefused(level, clientId, { topic: `${root}/stranger`, payload: 'will' });
        await works(owner, root, 'still mine');
        assert.equal((await watcher.next()).payload, 'still mine');
        // Neither the will of the owner nor one of those who were refused.
        await watcher.silence();
        owner.wire.reset();
        assert.equal((await watcher.next()).topic, `${root}/will`);
      });
    });
  }

  it('is refused while its owner is away, and what waits for the owner is still there', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('away/');
      const clientId = scene.name();
      const owner = await scene.open(level, { clientId, ...ALICE, ...lasting(level) });
      await owner.subscribe([[topic, 2]]);
      await owner.leave();
      const publisher = await scene.open(level);
      for (const payload of ['one', 'two']) await publisher.publish1({ topic, payload });
      await othersAreRefused(level, clientId, { topic, payload: 'will' });
      await publisher.publish1({ topic, payload: 'three' });
      const back = await scene.open(level, { clientId, ...ALICE, ...lasting(level) });
      if (level !== 3) assert.equal(back.sessionPresent, true);
      assert.deepEqual(await back.payloads(3), ['one', 'two', 'three']);
      await back.silence();
    });
  });

  it('is free for anybody when the session of its owner has ended, with its expiry or with its connection', async () => {
    await eachLevel(LEVELS, async (level) => {
      const clientId = scene.name();
      const topic = scene.name('left/');
      const owner = await scene.open(level, { clientId, ...ALICE, ...(level === 5 ? lasting(5, 1) : {}) });
      await owner.subscribe([[topic, 1]]);
      await owner.leave();
      if (level === 5) await scene.seconds(2);
      const next = await scene.open(level, { clientId, ...BOB, ...lasting(level) });
      assert.equal(next.sessionPresent, false);
      const publisher = await scene.open(level);
      await publisher.publish1({ topic, payload: 'for whoever was there before' });
      await next.silence();
    });
  });

  it('is not refused to its owner, who takes over: the connection before is told 0x8E', async () => {
    await eachLevel(LEVELS, async (level) => {
      const clientId = scene.name();
      const first = await scene.open(level, { clientId, ...ALICE });
      const second = await scene.open(level, { clientId, ...ALICE });
      await first.expelled(0x8e);
      await second.silence();
    });
  });

  it('is no more a user’s because the name looks like it: owners are compared byte by byte', async () => {
    await eachLevel([4, 5], async (level) => {
      const clientId = scene.name();
      const owner = await scene.open(level, { clientId, ...ALICE, ...lasting(level) });
      for (const username of ['Alice', 'alice ', ' alice', 'alicе']) {
        const code = await scene.refusal(level, { clientId, username, password: 'secret' });
        assert.equal(code, level === 5 ? 0x86 : 4, username);
      }
      await owner.silence();
    });
  });
});

describe('several at once for one client identifier', () => {
  let stage: Stage;
  let next = 0;
  before(async () => {
    stage = await Stage.start({
      actors: { mind: { taps: ['authenticate', 'loadPolicy', 'sessionTakenOver', 'sessionOpened'] } },
      chains: { main: { authenticate: ['mind'], authorize: ['mind'] } },
    });
  });
  after(async () => assert.equal(await stage.stop(), 0));

  /** A round trip at a time, until so many credentials are being looked at. */
  async function allAsked(count: number): Promise<void> {
    while ((await stage.asked('mind', 'authenticate')).length < count);
  }

  const versions: readonly Version[] = ['3.1.1', '5.0'];
  const durable = (version: Version) => (version === '5.0' ? { cleanSession: false, properties: `11${uint32(100)}` } : { cleanSession: false });

  for (const version of versions) {
    it(`are judged one by one, and whoever is not the owner never disturbs a takeover that is under way, ${version}`, async () => {
      next += 1;
      const clientId = `c${next}`;
      const fields = { clientId, ...durable(version) };
      await stage.script('mind');
      const owner = await stage.login(version, { ...fields, username: 'ann' });
      await stage.forget();
      await stage.script('mind', { authenticate: ['hold', ['allow', { identity: { username: '$username' } }]] });
      const thief = await stage.knock(version, { ...fields, username: 'bob', cleanSession: true });
      const again = await stage.knock(version, { ...fields, username: 'ann' });
      const other = await stage.knock(version, { ...fields, username: 'eve' });
      await allAsked(3);
      await owner.silence();
      await stage.release('mind');
      for (const client of [thief, other]) {
        await client.expect(refusal(version, 2, 0x85));
        await client.expectClosed();
      }
      assert.match(await again.readPacket('CONNACK'), /^20 [0-9a-f]{2} 01 00/);
      if (version === '5.0') await owner.expect('e0 01 8e');
      await owner.expectClosed();
      await again.silence();
      assert.equal((await stage.asked('mind', 'sessionTakenOver')).length, 1);
    });

    it(`leave it with whoever was let in first, when it was nobody’s, ${version}`, async () => {
      next += 1;
      const fields = { clientId: `c${next}`, ...durable(version) };
      await stage.script('mind');
      await stage.forget();
      await stage.script('mind', { authenticate: ['hold', ['allow', { identity: { username: '$username' } }]] });
      const users = ['ann', 'bob', 'eve', 'ann', 'bob'];
      const clients = [];
      for (const username of users) clients.push(await stage.knock(version, { ...fields, username }));
      await allAsked(users.length);
      await stage.release('mind');
      const outcomes: string[] = [];
      for (const client of clients) outcomes.push((await client.readPacket('CONNACK')).slice(9, 11));
      const winner = users[outcomes.indexOf('00')];
      const taken = version === '5.0' ? '85' : '02';
      assert.deepEqual(
        outcomes,
        users.map((username) => (username === winner ? '00' : taken)),
      );
      const sessions = (await stage.call('mind', 'sessions.find', { clientId: fields.clientId })) as { username: string; connected: boolean }[];
      assert.deepEqual(
        sessions.map(({ username, connected }) => [username, connected]),
        [[winner, true]],
      );
    });
  }

  it('are freed by a plugin that ends the connection and releases the identifier in one go', async () => {
    await stage.script('mind');
    const client = await stage.login('5.0', { clientId: 'mine', username: 'ann', ...durable('5.0') });
    assert.equal(await stage.call('mind', 'sessions.release', 'mine'), false);
    assert.equal(await stage.call('mind', 'sessions.disconnect', { clientId: 'mine' }), 1);
    assert.equal(await stage.call('mind', 'sessions.release', 'mine'), true);
    await client.expect('e0 01 98');
    await client.expectClosed();
    const other = await stage.login('5.0', { clientId: 'mine', username: 'bob' });
    await other.silence();
  });
});
