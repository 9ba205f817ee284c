import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Stage } from './stage.js';

describe('an error that escapes from a plugin', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: { wild: { taps: ['authenticate', 'loadPolicy'] }, tame: { taps: ['admitClient'] } },
      chains: { main: { guards: ['tame'], authenticate: ['wild'], authorize: ['wild'] } },
    });
  });

  after(() => stage.stop());

  for (const [how, title] of [
    ['throw', 'in a timer of its own'],
    ['reject', 'as a rejection that nobody handles'],
    ['emitter', 'through an emitter without a listener for errors'],
    ['timer', "in a timer of the broker's"],
  ] as const) {
    it(`${title} is logged with the plugin's name; clients notice nothing`, async () => {
      const client = await stage.login('5.0', { clientId: 'c' });
      const before = stage.broker.output.length;
      const count = (await stage.call('tame', 'stats.get', 'escapedErrors')) as number;
      await stage.escape('wild', how);
      const [line] = await stage.broker.waitForOutput(new RegExp(`^.*escaped by ${how}.*$`, 'm'), before);
      assert.match(line, /an error escaped from a plugin/);
      assert.match(line, /code=PCL_PLUGIN_ESCAPED/);
      assert.match(line, /plugin=wild/);
      assert.equal(await stage.call('tame', 'stats.get', 'escapedErrors'), count + 1);
      assert.equal(await stage.call('tame', 'stats.get', 'invariantsBroken'), 0);
      await client.silence();
      (await stage.login('5.0', { clientId: 'other' })).close();
      client.close();
    });
  }

  it('does not keep the broker from ending in good order', async () => {
    const ending = await Stage.start({ actors: { wild: { taps: ['authenticate'] } }, chains: { main: { authenticate: ['wild'] } } });
    const client = await ending.login('5.0', { clientId: 'last' });
    await ending.escape('wild', 'throw');
    await ending.broker.waitForOutput(/escaped by throw/);
    const stopped = ending.stop();
    await client.expect('e0 01 8b');
    assert.equal(await stopped, 0);
  });
});
