import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { publish, subscribe } from '../support/packets.js';
import { startWild, type WildBroker, wildDocument, wildIndex } from './wild-plugin.js';

// Everybody may do anything but for a branch that is denied by a template, which is set behind the start: so does a plugin that fetches its rules from
// somewhere. Started anew, it waits until somebody subscribes to a certain topic.
const DENIES = `
    const rule = (effect, pattern) => ({ effect, actions: ['publish', 'subscribe', 'receive'], pattern, from: 'the plugin' });
    hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, templates: ['shut'], rules: [rule('allow', '#')] }));
    const set = () => { policy.setTemplate('shut', [rule('deny', 'secret/#')]); log.info({}, 'set'); };
    hooks.subscribed.tap(({ filter }) => { if (filter === 'now') set(); });
    if (stats.get('workersLost') === 0) timers.after(1, set);`;

const UNAVAILABLE = { '3.1.1': /^20 02 00 03$/, '5.0': /^20 03 00 88 00$/ };

describe('what a plugin in a worker denies', () => {
  const started: WildBroker[] = [];
  afterEach(async () => {
    for (const { broker } of started.splice(0)) await broker.kill();
  });

  for (const version of ['3.1.1', '5.0'] as const) {
    it(`stays denied when its thread has ended and the next one has not said it again, and nobody new comes in meanwhile (${version})`, async () => {
      const chains = { wild: { authenticate: ['wild'], authorize: ['wild'] }, calm: { authenticate: ['passwords'], authorize: ['rules'] } };
      const wild = await startWild(wildIndex({ manifest: "capabilities: ['policy'],", start: DENIES }), wildDocument({}, {}, { chains }));
      started.push(wild);
      const { broker } = wild;
      const more = version === '5.0' ? { properties: '' } : {};
      await broker.waitForOutput(/ set plugin=wild/);
      const ann = await wild.knock('ann', {}, version);
      assert.match(await ann.readPacket(), /^20 .. 00 00/);
      ann.send(subscribe({ packetId: 1, filters: [['#', 0]], ...more }));
      assert.match(await ann.readPacket(), /^90 /);
      /** The topic that comes back first, of one message to the branch that is denied and one behind it to another. */
      const comesBack = async (): Promise<string> => {
        ann.send(publish({ topic: 'secret/x', ...more }));
        ann.send(publish({ topic: 'open/x', ...more }));
        return Buffer.from((await ann.readPacket()).replaceAll(' ', ''), 'hex')
          .toString('latin1', 4, 12)
          .replaceAll('\0', '');
      };
      assert.match(await comesBack(), /^open\/x/);
      const since = broker.output.length;
      const killer = await wild.knock('exit', {}, version);
      assert.match(await killer.readPacket(), UNAVAILABLE[version]);
      await broker.waitForOutput(/the plugin is ready plugin=wild/, since);
      assert.match(await comesBack(), /^open\/x/);
      const early = await wild.knock('bob', {}, version);
      assert.match(await early.readPacket(), UNAVAILABLE[version]);
      ann.send(subscribe({ packetId: 2, filters: [['now', 0]], ...more }));
      assert.match(await ann.readPacket(), /^90 /);
      await broker.waitForOutput(/ set plugin=wild/, since);
      const bob = await wild.knock('bob', {}, version);
      assert.match(await bob.readPacket(), /^20 .. 00 00/);
      assert.match(await comesBack(), /^open\/x/);
      for (const client of [ann, bob]) client.close();
      assert.equal(await broker.stop(), 0);
    });
  }
});
