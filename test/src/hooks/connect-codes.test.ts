import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Behaviour } from './actor.js';
import { refusal, Stage, VERSIONS, type Version } from './stage.js';

/** Word, return code of 3.x, reason code of 5.0. */
const WORDS: readonly (readonly [word: string, code3: number, code5: number])[] = [
  ['bad-credentials', 4, 0x86],
  ['not-authorized', 5, 0x87],
  ['banned', 5, 0x8a],
  ['rate', 3, 0x9f],
  ['quota', 3, 0x97],
  ['busy', 3, 0x89],
];

/** Number, return code of 3.x, reason code of 5.0. */
const NUMBERS: readonly (readonly [number: number, code3: number, code5: number])[] = [
  [0x80, 5, 0x80],
  [0x84, 1, 0x84],
  [0x85, 2, 0x85],
  [0x86, 4, 0x86],
  [0x88, 3, 0x88],
  [0x89, 3, 0x89],
  [0x8a, 5, 0x8a],
  [0x97, 3, 0x97],
  [0x9c, 5, 0x9c],
  [0x9f, 3, 0x9f],
  // What a CONNACK may not carry becomes 0x87.
  [0x8e, 5, 0x87],
  [0x98, 5, 0x87],
  [0xff, 5, 0x87],
  // No refusal at all: a fault.
  [0x00, 3, 0x88],
  [0x7f, 3, 0x88],
  [0x100, 3, 0x88],
  [134.5, 3, 0x88],
];

/** Every step of a CONNECT that may say no. */
const STEPS = ['admitClient', 'authenticate', 'admitIdentity', 'authorize will/t'];

describe('the code by which a CONNECT is refused', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: {
          taps: ['admitClient', 'authenticate', 'admitIdentity', 'loadPolicy', 'authorize', 'resolveTenant', 'normalizeConnect', 'sessionOpened'],
        },
        witness: { taps: ['admitClient'] },
      },
      chains: { main: { guards: ['mind', 'witness'], authenticate: ['mind'], authorize: ['mind'] } },
    });
  });

  after(() => stage.stop());

  async function refused(version: Version, hook: string, behaviour: Behaviour, code3: number, code5: number): Promise<void> {
    await stage.script('mind', { [hook]: behaviour });
    const client = await stage.knock(version, { clientId: 'c', username: 'u', will: { topic: 'will/t', payload: 'w' } });
    await client.expect(refusal(version, code3, code5));
    await client.expectClosed();
  }

  for (const hook of STEPS) {
    for (const [word, code3, code5] of WORDS) {
      it(`is that of "${word}" from ${hook}`, async () => {
        for (const version of VERSIONS) await refused(version, hook, ['deny', word], code3, code5);
      });
    }
  }

  for (const [number, code3, code5] of NUMBERS) {
    it(`is 0x${code5.toString(16)} for the number ${number}`, async () => {
      for (const hook of ['admitClient', 'authenticate']) {
        for (const version of VERSIONS) await refused(version, hook, ['deny', number], code3, code5);
      }
    });
  }

  it('is that of a fault for a word that is none', async () => {
    for (const reason of ['unknown', '', 'Banned', null, {}]) await refused('5.0', 'authenticate', ['deny', reason], 3, 0x88);
  });

  it('is bad credentials when everybody skips: an unknown user and a wrong password look the same', async () => {
    for (const version of VERSIONS) await refused(version, 'authenticate', ['skip'], 4, 0x86);
  });

  it('comes before anything else happens: no session, no takeover, no will', async () => {
    await stage.script('mind', {});
    const watcher = await stage.login('3.1.1', { clientId: 'watcher' });
    watcher.send('82 0b 00 01 00 06 77 69 6c 6c 2f 23 00 ; SUBSCRIBE will/#');
    await watcher.expect('90 03 00 01 00');
    const first = await stage.login('3.1.1', { clientId: 'taken' });
    await stage.heard('mind', 'sessionOpened', (news: { clientId: string }) => news.clientId === 'taken');
    await stage.forget();
    for (const hook of STEPS) {
      await stage.script('mind', { [hook]: ['deny', 'banned'] });
      const client = await stage.knock('5.0', { clientId: 'taken', username: 'user', will: { topic: 'will/t', payload: 'w', retain: true } });
      await client.expect(refusal('5.0', 5, 0x8a));
      await client.expectClosed();
    }
    await stage.script('mind', {});
    // A refusal that had opened or taken over a session would have told of it before this one's.
    const last = await stage.login('3.1.1', { clientId: 'last' });
    await stage.heard('mind', 'sessionOpened');
    assert.deepEqual(await stage.asked('mind', 'sessionOpened'), [{ clientId: 'last', tenant: null, owner: 'user' }]);
    await first.silence();
    await watcher.silence();
    for (const client of [first, watcher, last]) client.close();
  });
});
