import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { lasting, Scene } from '../conformance/scene.js';
import { runCommand } from '../support/broker-process.js';
import { connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const CROWD = 1000;
/** Where it ends otherwise is the same with fewer. */
const FEWER = 200;
const AT_A_TIME = 100;
const STRANGERS = 50;
const ALICE = { username: 'alice', password: 'secret' };
const BOB = { username: 'bob', password: 'hidden' };

describe('a thousand CONNECTs with one client identifier at once', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ more: { control: { socket: 'data/control.sock' } } });
  });
  after(() => scene.stop());

  async function connections(count: number): Promise<WireClient[]> {
    const all: WireClient[] = [];
    while (all.length < count) {
      const some = Array.from({ length: Math.min(AT_A_TIME, count - all.length) }, () => WireClient.connect(scene.broker.port('local')));
      all.push(...(await Promise.all(some)));
    }
    return all;
  }

  async function counters(): Promise<Readonly<Record<string, number>>> {
    const { output } = await runCommand({ folder: scene.broker.folder, args: ['status', '--json'] });
    return (JSON.parse(output) as { counters: Record<string, number> }).counters;
  }

  for (const [what, fields, crowd] of [
    ['that lasts', { ...lasting(5), cleanSession: false }, CROWD],
    ['that ends with its connection', { cleanSession: true }, FEWER],
    ['that begins anew each time', { ...lasting(5), cleanSession: true }, FEWER],
  ] as const) {
    it(`leave one connection and one session ${what} when they are its owner’s, and none to anybody else (${crowd})`, {
      timeout: 120_000,
    }, async () => {
      const clientId = scene.name('one');
      const before = await counters();
      const owners = await connections(crowd);
      const strangers = await connections(STRANGERS);
      const claim = connect5({ clientId, ...ALICE, ...fields });
      // Whoever is first has it: the strangers come when it is the owner's.
      const [first, ...others] = owners as [WireClient, ...WireClient[]];
      first.send(claim);
      assert.match(await first.readPacket(), /^20 [0-9a-f]{2} 00 00/);
      for (const [index, wire] of others.entries()) {
        if (index % Math.floor(crowd / STRANGERS) === 0) strangers[Math.floor((index * STRANGERS) / crowd)]?.send(connect311({ clientId, ...BOB }));
        wire.send(claim);
      }
      for (const wire of strangers) {
        await wire.expect('20 02 00 02');
        await wire.expectClosed();
      }
      // Each was accepted in its turn; all but one were then told that another has come.
      let left = 0;
      for (const wire of owners) {
        if (wire !== first) assert.match(await wire.readPacket('a CONNACK'), /^20 [0-9a-f]{2} 0[01] 00/);
      }
      await owners.at(-1)?.silence();
      for (const wire of owners) {
        if (wire === owners.at(-1)) continue;
        await wire.expect('e0 01 8e');
        await wire.expectClosed();
        left += 1;
      }
      assert.equal(left, crowd - 1);
      const now = await counters();
      const grown = (name: string): number => (now[name] ?? 0) - (before[name] ?? 0);
      assert.deepEqual(
        [grown('sessions'), grown('clientsConnected'), grown('connectionsOpen'), grown('takeovers'), grown('connectionsHalfOpen')],
        [1, 1, 1, crowd - 1, 0],
      );
      owners.at(-1)?.send('e0 00');
      await owners.at(-1)?.expectClosed();
      const { code } = await runCommand({ folder: scene.broker.folder, args: ['session', 'release', clientId] });
      assert.equal(code, fields.cleanSession && !('properties' in fields) ? 1 : 0);
      const end = await counters();
      assert.deepEqual([end.sessions, end.clientsConnected, end.connectionsOpen], [before.sessions, before.clientsConnected, before.connectionsOpen]);
    });
  }
});
