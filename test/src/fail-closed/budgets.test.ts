import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { refusal, Stage, VERSIONS, type Version } from '../hooks/stage.js';
import { runCommand, standardFiles } from '../support/broker-process.js';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

const FULL = 64 + 1000;
const BREAKER = { faults: 3, windowMs: 60_000, openMs: 60_000 };

describe('the budgets of plugins', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    const asked = ['authenticate', 'loadPolicy'];
    stage = await Stage.start({
      actors: {
        // As they are without being set: 64 questions at a time, 1,000 that wait.
        slow: { taps: asked, entry: { timeoutMs: 60_000 } },
        quick: { taps: asked },
        impatient: { taps: asked, entry: { timeoutMs: 200 } },
        narrow: { taps: asked, entry: { maxConcurrent: 2, maxQueue: 3, timeoutMs: 60_000 } },
        poisoned: { taps: asked, entry: { breaker: BREAKER } },
      },
      chains: {
        slow: { authenticate: ['slow'], authorize: ['slow'], deadlineMs: 60_000 },
        quick: { authenticate: ['quick'], authorize: ['quick'] },
        impatient: { authenticate: ['impatient'], authorize: ['impatient'] },
        hurried: { authenticate: ['quick', 'impatient'], authorize: ['quick'], deadlineMs: 150 },
        narrow: { authenticate: ['narrow'], authorize: ['narrow'], deadlineMs: 60_000 },
        poisoned: { authenticate: ['poisoned'], authorize: ['poisoned'] },
      },
      more: { limits: { connectTimeoutMs: 60_000 } },
    });
  });

  after(async () => assert.equal(await stage.stop(), 0));

  beforeEach(async () => {
    for (const actor of ['slow', 'quick', 'impatient', 'narrow', 'poisoned']) await stage.script(actor, {});
    await stage.forget();
  });

  const fields = (): { clientId: string; username: string } => {
    next += 1;
    return { clientId: `c${next}`, username: 'u' };
  };
  const knock = (chain: string, version: Version = '5.0'): Promise<WireClient> => stage.knock(version, fields(), chain);
  const enter = (chain: string): Promise<WireClient> => stage.login('5.0', fields(), chain);

  async function refused(chain: string, code3: number, code5: number): Promise<void> {
    for (const version of VERSIONS) {
      const client = await knock(chain, version);
      await client.expect(refusal(version, code3, code5));
      await client.expectClosed();
    }
  }

  it('are their own: while one holds 64 questions and 1,000 wait for it, those of others are answered, and messages go on', async () => {
    const talker = await enter('quick');
    talker.send(subscribe({ packetId: 1, filters: [['t', 0]], properties: '' }));
    await talker.expect('90 04 00 01 00 00');
    await stage.script('slow', { authenticate: ['hold', ['allow', { identity: { username: 'u' } }]] });
    const held: WireClient[] = [];
    while (held.length < FULL) held.push(...(await Promise.all(Array.from({ length: Math.min(76, FULL - held.length) }, () => knock('slow')))));
    // The next one finds the queue full, so all the others are in it.
    await refused('slow', 3, 0x89);
    assert.equal((await stage.asked('slow', 'authenticate')).length, 64);
    for (let index = 0; index < 5; index += 1) {
      const other = await enter('quick');
      talker.send(publish({ topic: 't', payload: String(index), qos: 1, packetId: 2, properties: '' }));
      await talker.expectAnyOrder('40 02 00 02', publish({ topic: 't', payload: String(index), properties: '' }));
      other.close();
    }
    assert.ok(held.every((client) => client.unread === '' && client.ending === null));
    // What waits is not lost: each gets its turn when there is room.
    await stage.script('slow', {});
    for (const client of held) assert.match(await client.readPacket('CONNACK'), /^20 [0-9a-f]{2} 00 00\b/);
    for (const client of [talker, ...held]) client.close();
  });

  it('bound how many questions run and wait: further ones are refused as busy at once, and the others get their turn', async () => {
    await stage.script('narrow', { authenticate: ['hold', ['allow', { identity: { username: 'u' } }]] });
    const held = await Promise.all(Array.from({ length: 5 }, () => knock('narrow')));
    await stage.heard('narrow', 'authenticate');
    await refused('narrow', 3, 0x89);
    assert.equal((await stage.asked('narrow', 'authenticate')).length, 2);
    await stage.broker.waitForOutput(/PCL_PLUGIN_OVERLOAD plugin=narrow/);
    await stage.script('narrow', {});
    for (const client of held) {
      assert.match(await client.readPacket('CONNACK'), /^20 [0-9a-f]{2} 00 00\b/);
      client.close();
    }
  });

  it('bound the time for an answer, of each plugin by itself', async () => {
    await stage.script('impatient', { authenticate: ['hang'] });
    const began = performance.now();
    await refused('impatient', 3, 0x88);
    assert.ok(performance.now() - began >= 3 * 200);
    await stage.broker.waitForOutput(/PCL_PLUGIN_FAULT plugin=impatient hook=authenticate kind=timeout cause="no answer within 200 ms"/);
  });

  it('bound the time for all answers of a chain together, however much each plugin has left', async () => {
    await stage.script('quick', { authenticate: ['skip'] });
    await stage.script('impatient', { authenticate: ['hang'] });
    await refused('hurried', 3, 0x89);
    await stage.broker.waitForOutput(/PCL_PLUGIN_OVERLOAD plugin=impatient hook=authenticate kind=overload cause="the deadline of the chain/);
  });

  for (const [what, behaviour] of [
    ['time-outs', ['hang']],
    ['answers that its backend is down', ['unavailable']],
  ] as const) {
    it(`open its breaker after as many ${what} as it has: it is not asked any more, and others are`, async () => {
      const own = await Stage.start({
        actors: {
          weak: { taps: ['authenticate', 'loadPolicy'], entry: { timeoutMs: 100, breaker: BREAKER } },
          quick: { taps: ['authenticate', 'loadPolicy'] },
        },
        chains: { weak: { authenticate: ['weak'], authorize: ['weak'] }, quick: { authenticate: ['quick'], authorize: ['quick'] } },
      });
      try {
        await own.script('weak', { authenticate: behaviour });
        for (const version of [...VERSIONS, ...VERSIONS]) {
          const client = await own.knock(version, fields(), 'weak');
          await client.expect(refusal(version, 3, 0x88));
          await client.expectClosed();
        }
        assert.equal((await own.asked('weak', 'authenticate')).length, BREAKER.faults);
        await own.broker.waitForOutput(/PCL_PLUGIN_FAULT plugin=weak hook=authenticate kind=breaker-open/);
        (await own.login('5.0', fields(), 'quick')).close();
      } finally {
        await own.stop();
      }
    });
  }

  it('do not open it for what is wrong with the answer to one question, or one poisoned name could lock everyone out', async () => {
    for (const behaviour of [['throw'], ['reject'], ['return'], ['return', true], ['kept'], ['deny', 0], ['allow']] as const) {
      await stage.script('poisoned', { 'authenticate ill': behaviour });
      for (let index = 0; index < BREAKER.faults + 1; index += 1) {
        const client = await stage.knock('5.0', { clientId: 'ill', username: 'u' }, 'poisoned');
        await client.expect(refusal('5.0', 3, 0x88));
        await client.expectClosed();
      }
      (await enter('poisoned')).close();
    }
  });
});

/** Where each bound stands, and the least and the greatest that it may be. */
const BUDGETS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  timeoutMs: [1, 60_000],
  maxConcurrent: [1, 10_000],
  maxQueue: [0, 100_000],
  faults: [1, 1000],
  windowMs: [1000, 3_600_000],
  openMs: [100, 3_600_000],
  deadlineMs: [1, 60_000],
};

describe('a budget', () => {
  /** What `check` says to a configuration in which every bound is set to something. */
  async function check(value: (least: number, most: number) => number | string): Promise<{ code: number | NodeJS.Signals; output: string }> {
    const set = (key: string): string => `"${key}":${value(...(BUDGETS[key] as readonly [number, number]))}`;
    const files = { ...standardFiles({ alice: 'secret' }, 'user alice\n') };
    const breaker = `"breaker":{${['faults', 'windowMs', 'openMs'].map(set).join(',')}}`;
    files['plugins.json'] = JSON.stringify(files['plugins.json'])
      .replace('"passwords":{', `"passwords":{${['timeoutMs', 'maxConcurrent', 'maxQueue'].map(set).join(',')},${breaker},`)
      .replace('"default":{', `"default":{${set('deadlineMs')},`);
    return runCommand({ args: ['check', '-c', 'plugins.json'], files });
  }

  it('may be as small and as great as it says', async () => {
    for (const value of [(least: number) => least, (_least: number, most: number) => most]) {
      const { code, output } = await check(value);
      assert.equal(code, 0, output);
    }
  });

  for (const [what, value, bound] of [
    ['less', (least: number) => least - 1, 'least'],
    ['negative', () => -1000, 'least'],
    ['more', (_least: number, most: number) => most + 1, 'most'],
    ['beyond all bounds', () => 9_007_199_254_740_991, 'most'],
  ] as const) {
    it(`cannot be switched off by a value that is ${what}: that is a mistake, and it says so`, async () => {
      const { code, output } = await check(value);
      assert.notEqual(code, 0, output);
      for (const [key, [least, most]] of Object.entries(BUDGETS)) {
        const text = `${key}: must be at ${bound} ${bound === 'least' ? least : most} — this bound can be tightened, but not switched off`;
        assert.ok(output.includes(text), `${text}\nis not in\n${output}`);
      }
    });
  }

  it('cannot be switched off by infinity, by nothing, or by a word', async () => {
    for (const value of ['1e999', 'null', '"off"']) {
      const { code, output } = await check(() => value);
      assert.notEqual(code, 0, `${value} was taken`);
      assert.match(output, value === '1e999' ? /number/ : /timeoutMs: expected a whole number/);
    }
  });
});
