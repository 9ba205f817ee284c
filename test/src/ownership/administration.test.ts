import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { lasting, Scene } from '../conformance/scene.js';
import { type CommandResult, runCommand } from '../support/broker-process.js';
import { uint32 } from '../support/packets.js';

const ALICE = { username: 'alice', password: 'secret' };
const BOB = { username: 'bob', password: 'hidden' };
const DAVE = { username: 'dave', password: 'secret' };
const MAX_EXPIRY = 60;

interface Listed {
  readonly clientId: string;
  readonly tenant: string | null;
  readonly username: string | null;
  readonly connected: boolean;
  readonly address: string;
  readonly listener: string;
  readonly subscriptions: number;
  readonly waiting: number;
  readonly expirySeconds: number | null;
}

describe('an administrator', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({
      sessions: { perPrincipal: 3, maxExpirySeconds: MAX_EXPIRY },
      users: { alice: 'secret', bob: 'hidden', carol: 'secret', dave: 'secret' },
      acl: 'topic readwrite #\npattern readwrite #\n',
      more: { control: { socket: 'data/control.sock' } },
    });
  });
  after(() => scene.stop());

  const run = (...args: string[]): Promise<CommandResult> => runCommand({ folder: scene.broker.folder, args: ['session', ...args] });

  async function listed(...args: string[]): Promise<readonly Listed[]> {
    const { code, output } = await run('list', '--json', ...args);
    assert.equal(code, 0, output);
    return (JSON.parse(output) as { sessions: readonly Listed[] }).sessions;
  }

  it('sees whose each session is, whether its client is there, what it has, and when it ends', async () => {
    const [here, away, topic] = [scene.name('here '), scene.name('away'), scene.name('t/')];
    const connected = await scene.open(5, { clientId: here, ...DAVE, ...lasting(5, 30) });
    await connected.subscribe([[topic, 0]]);
    const left = await scene.open(4, { clientId: away, ...DAVE, ...lasting(4) });
    await left.subscribe([
      [topic, 1],
      [`${topic}/x`, 1],
    ]);
    await left.leave();
    const publisher = await scene.open(5);
    await publisher.publish1({ topic, payload: 'waits' });
    assert.equal((await connected.next()).payload, 'waits');
    const [one, two] = [...(await listed('--user', 'dave'))].sort((a, b) => (a.clientId < b.clientId ? 1 : -1));
    const shown = { tenant: null, username: 'dave', address: '127.0.0.1', listener: 'local' };
    assert.deepEqual(one, { ...shown, clientId: here, connected: true, subscriptions: 1, waiting: 0, expirySeconds: 30 });
    const seconds = two?.expirySeconds ?? 0;
    assert.ok(seconds > 0 && seconds <= MAX_EXPIRY, String(seconds));
    assert.deepEqual(two, { ...shown, clientId: away, connected: false, subscriptions: 2, waiting: 1, expirySeconds: seconds });
    const { output } = await run('list', '--client', here);
    assert.match(output, new RegExp(`^"${here}" +"dave" +- +127\\.0\\.0\\.1 +connected, stays 30 s +1 +0$`, 'm'));
    assert.deepEqual(await listed('--client', here, '--user', 'alice'), []);
    const bounded = await run('list', '--user', 'dave', '--limit', '1');
    assert.match(bounded.output, /\n… and 1 more\n$/);
  });

  it('frees an identifier whose owner is away: it says so, and another user may have it from then on', async () => {
    const [clientId, topic] = [scene.name('dev'), scene.name('t/')];
    const watcher = await scene.open(5);
    await watcher.subscribe([[`${topic}/will`, 0]]);
    const will = { topic: `${topic}/will`, payload: 'gone', properties: `18${uint32(50)}` };
    const owner = await scene.open(5, { clientId, ...ALICE, ...lasting(5, 50), will });
    await owner.subscribe([[topic, 1]]);
    owner.wire.reset();
    const publisher = await scene.open(5);
    await publisher.publish1({ topic, payload: 'for alice' });
    assert.equal(await scene.refusal(5, { clientId, ...BOB }), 0x85);
    const done = await run('release', clientId);
    assert.deepEqual([done.code, done.output], [0, 'released: the client identifier is free\n']);
    // The end of the session is the last moment for its will.
    assert.equal((await watcher.next()).payload, 'gone');
    const next = await scene.open(5, { clientId, ...BOB, ...lasting(5) });
    assert.equal(next.sessionPresent, false);
    await next.silence();
    const again = await run('release', '--disconnect', clientId);
    assert.equal(again.code, 0);
    await next.expelled(0x98);
    await scene.broker.waitForOutput(new RegExp(`session released by an administrator client=${clientId} .*user=alice`));
  });

  it('is told when nothing is released: no such session, or its client is connected', async () => {
    const clientId = scene.name('busy');
    const client = await scene.open(4, { clientId, username: 'carol', password: 'secret' });
    const busy = await run('release', clientId);
    assert.deepEqual(
      [busy.code, busy.output],
      [1, 'portcullis: its client is connected, and the session stays — --disconnect ends the connection, too\n'],
    );
    await client.silence();
    const none = await run('release', scene.name('none'), '--json');
    assert.equal(none.code, 1);
    assert.match(none.output, /^\{"ok":false,"problems":\[.*no session has this client identifier without a tenant.*\}\n$/);
    const elsewhere = await run('release', clientId, '--tenant', 'acme', '--disconnect');
    assert.equal(elsewhere.code, 1);
    await client.silence();
    assert.deepEqual([(await run('release')).code, (await run('release', clientId, '--socket', 'nowhere.sock')).code], [2, 3]);
  });

  it('caps how long sessions last: 5.0 clients are told at CONNECT, and cannot have more by their DISCONNECT', async () => {
    const ever = { properties: `11${uint32(0xffffffff)}`, cleanSession: false };
    const clientId = scene.name('long');
    const client = await scene.open(5, { clientId, username: 'carol', password: 'secret', ...ever });
    assert.equal(client.property(0x11), uint32(MAX_EXPIRY));
    await client.leave(0, `11${uint32(0xffffffff)}`);
    const [shown] = await listed('--client', clientId);
    assert.ok((shown?.expirySeconds ?? 0) > MAX_EXPIRY - 20 && (shown?.expirySeconds ?? 0) <= MAX_EXPIRY, JSON.stringify(shown));
    assert.equal((await run('release', clientId)).code, 0);
    const short = await scene.open(5, { clientId, username: 'carol', password: 'secret', ...lasting(5, 5) });
    assert.equal(short.property(0x11), undefined, 'what it asked for needs no word');
    await short.leave();
  });
});

describe('sessions of one user', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ sessions: { perPrincipal: 2 }, more: { control: { socket: 'data/control.sock' } } });
  });
  after(() => scene.stop());

  it('are bounded: one more is refused, and none is thrown out for it, until one is released or ends', async () => {
    const topic = scene.name('t/');
    const away = await scene.open(5, { clientId: 'away', ...ALICE, ...lasting(5) });
    await away.subscribe([[topic, 1]]);
    await away.leave();
    const here = await scene.open(4, { clientId: 'here', ...ALICE });
    const publisher = await scene.open(4, BOB);
    await publisher.publish1({ topic, payload: 'kept' });
    for (const level of [3, 4, 5] as const) {
      assert.equal(await scene.refusal(level, { clientId: 'more', ...ALICE }), level === 5 ? 0x97 : 3);
      const own = await scene.open(level, { clientId: `own-${level}`, ...BOB });
      await own.leave();
    }
    await here.silence();
    const back = await scene.open(5, { clientId: 'away', ...ALICE, ...lasting(5) });
    assert.deepEqual([back.sessionPresent, (await back.next()).payload], [true, 'kept']);
    await back.leave();
    const { code } = await runCommand({ folder: scene.broker.folder, args: ['session', 'release', 'away'] });
    assert.equal(code, 0);
    const more = await scene.open(5, { clientId: 'more', ...ALICE });
    assert.equal(await scene.refusal(5, { clientId: 'yet more', ...ALICE }), 0x97);
    await more.leave();
    await (await scene.open(5, { clientId: 'yet more', ...ALICE })).leave();
  });
});

describe('usernames in place of client identifiers', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({
      sessions: { useUsernameAsClientId: true },
      acl: 'user alice\npattern readwrite own/%c/#\nuser bob\npattern readwrite own/%c/#\nuser member\ntopic readwrite #\n',
      more: { control: { socket: 'data/control.sock' } },
    });
  });
  after(() => scene.stop());

  it('are what 5.0 clients are told, whatever they sent; a second connection of the user takes over', async () => {
    const first = await scene.open(5, { clientId: 'anything', ...ALICE });
    assert.equal(Buffer.from(first.property(0x12) ?? '', 'hex').toString(), 'alice');
    const second = await scene.open(5, { clientId: '', ...ALICE });
    assert.equal(Buffer.from(second.property(0x12) ?? '', 'hex').toString(), 'alice');
    await first.expelled(0x8e);
    const same = await scene.open(5, { clientId: 'alice', ...ALICE });
    assert.equal(same.property(0x12), undefined);
    await second.expelled(0x8e);
    const third = await scene.open(4, { clientId: 'something else', ...ALICE });
    await same.expelled(0x8e);
    await third.leave();
  });

  it('are what rules see: nobody gets another’s branch by the identifier that it sends', async () => {
    for (const level of [4, 5] as const) {
      const bob = await scene.open(level, { clientId: 'alice', ...BOB });
      const denied = level === 5 ? 0x87 : 0x80;
      assert.deepEqual(
        await bob.subscribe([
          ['own/alice/#', 0],
          ['own/bob/#', 0],
        ]),
        [denied, 0],
      );
      await bob.leave();
    }
    const { output } = await runCommand({ folder: scene.broker.folder, args: ['session', 'list', '--json'] });
    assert.doesNotMatch(output, /"clientId":"alice","tenant":null,"username":"bob"/);
  });

  it('are nothing that an anonymous client has: it is refused, and disturbs nobody', async () => {
    const alice = await scene.open(5, { clientId: 'x', ...ALICE });
    for (const level of [3, 4, 5] as const) assert.equal(await scene.refusal(level, { clientId: 'alice' }), level === 5 ? 0x85 : 2);
    await alice.silence();
    await alice.leave();
  });
});
