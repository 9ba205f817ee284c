import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { Credentials } from '@portcullis/sdk';
import { ManualClock } from '../clock.js';
import { makeLimits } from '../limits.js';
import { HashQueue, HashQueueFull, type VerifyPassword } from './hash-queue.js';
import { CONNECT, chain, plugin, preparedRig, type Rig, turn } from './hooks.test.support.js';
import { hashesAtOnce } from './host.js';
import type { Outcome } from './outcome.js';
import { VerifiedCache } from './verified-cache.js';

const SECRET = 'correct horse';

async function rigFor(use: (credentials: Credentials) => unknown, capabilities: ['credentials'] | [] = [], verify?: VerifyPassword): Promise<Rig> {
  const p = plugin(
    'p',
    (hooks) =>
      hooks.authenticate.tap(async ({ credentials }, decide) => {
        await use(credentials);
        return decide.skip();
      }),
    { capabilities },
  );
  const limits = { hashConcurrency: 1, hashQueue: 1 };
  return await preparedRig([p], [chain({ authenticate: ['p'] })], verify === undefined ? { limits } : { limits, verify });
}

function login(rig: Rig, password: string | null = SECRET): { ended: Outcome[]; cancel: () => void } {
  const ended: Outcome[] = [];
  const options = { ...rig.options(), password: { username: 'u', password: password === null ? null : Buffer.from(password) } };
  const pending = rig.host.chain('default').ask('authenticate', CONNECT, options, (outcome) => ended.push(outcome));
  return { ended, cancel: () => pending?.cancel() };
}

/** Uses the credentials of one login and returns what came out. What is thrown there would end as a fault of the plugin; here it is thrown on. */
async function using<T>(use: (credentials: Credentials) => T, password: string | null = SECRET, capabilities: ['credentials'] | [] = []): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const attempt = async (credentials: Credentials): Promise<void> => {
      try {
        resolve(await use(credentials));
      } catch (error) {
        reject(error);
      }
    };
    rigFor(attempt, capabilities).then((rig) => login(rig, password), reject);
  });
}

test('credentials show the username and whether there is a password, and never the password', async () => {
  const shown = await using((credentials) =>
    [
      inspect(credentials, { showHidden: true, depth: 9, getters: true }),
      JSON.stringify(credentials),
      String(credentials),
      JSON.stringify({ ...credentials }),
      Reflect.ownKeys(credentials).join(),
    ].join('\n'),
  );
  assert.doesNotMatch(shown, /correct|horse|99,111,114/);
  assert.match(shown, /"hasPassword":true/);
  assert.deepEqual(await using(({ username, hasPassword }) => [username, hasPassword], ''), ['u', true]);
  assert.deepEqual(await using(({ username, hasPassword }) => [username, hasPassword], null), ['u', false]);
});

test('a password is compared with hashes and texts; without one nothing matches', async () => {
  assert.equal(await using((credentials) => credentials.verify(`hash:${SECRET}`)), true);
  assert.equal(await using((credentials) => credentials.verify('hash:other')), false);
  assert.equal(await using((credentials) => credentials.verify(null)), false);
  assert.equal(await using((credentials) => credentials.verify('hash:'), null), false);
  assert.equal(await using((credentials) => credentials.equals(SECRET)), true);
  assert.equal(await using((credentials) => credentials.equals(`${SECRET}\0`)), false);
  assert.equal(await using((credentials) => credentials.equals(undefined as never)), false);
  assert.equal(await using((credentials) => credentials.equals(''), null), false);
});

test('the password itself is given out behind a capability only, and as a copy', async () => {
  await using((credentials) => assert.throws(() => credentials.expose(), /does not ask for the capability "credentials"/));
  const [first, second] = await using(
    (credentials) => {
      const exposed = credentials.expose();
      exposed?.fill(0);
      return [exposed, credentials.expose()];
    },
    SECRET,
    ['credentials'],
  );
  assert.equal(Buffer.from(second as Uint8Array).toString(), SECRET);
  assert.notEqual(first, second);
  assert.equal(await using((credentials) => credentials.expose(), null, ['credentials']), null);
});

test('no way leads from the handle to the making of handles', async () => {
  await using((credentials) => {
    assert.equal(credentials.constructor, Object);
    assert.ok(Object.isFrozen(credentials) && Object.isFrozen(Object.getPrototypeOf(credentials)));
  });
});

/** A verifier that is told when to end. */
function slowVerifier(): { verify: VerifyPassword; finish: (matches: boolean) => void; running: () => number } {
  const open: ((matches: boolean) => void)[] = [];
  return {
    verify: () => new Promise((resolve) => open.push(resolve)),
    finish: (matches) => open.shift()?.(matches),
    running: () => open.length,
  };
}

test('a login beyond the queue for hashes is refused as overload, and the breaker stays shut', async () => {
  const slow = slowVerifier();
  const rig = await rigFor((credentials) => credentials.verify('x'), [], slow.verify);
  const logins = [login(rig), login(rig), login(rig)];
  await turn();
  assert.equal(slow.running(), 1);
  const refused = logins[2]?.ended[0];
  assert.ok(refused?.kind === 'fault' && refused.overload);
  slow.finish(true);
  await turn();
  slow.finish(true);
  await turn();
  assert.deepEqual(
    logins.map(({ ended }) => ended[0]?.kind),
    ['deny', 'deny', 'fault'],
  );
  assert.equal(rig.stats.pluginOverloads, 1);
});

test('a login that waits for hashes beyond its time is refused as overload, however often: the breaker stays shut for those who do not wait', async () => {
  const slow = slowVerifier();
  const rig = await rigFor((credentials) => credentials.verify('x'), [], slow.verify);
  for (let round = 0; round < 20; round += 1) {
    const [hashed, waiting] = [login(rig), login(rig)];
    await turn();
    rig.clock.advance(2000);
    await turn();
    for (const { ended } of [hashed, waiting]) assert.ok(ended[0]?.kind === 'fault' && ended[0].overload, `round ${round}`);
    slow.finish(false);
    await turn();
  }
  assert.deepEqual([rig.stats.pluginOverloads, [...rig.host.standings.values()].map(({ breaker }) => breaker)], [40, ['closed']]);
  // Whoever is late for another reason is a fault of the plugin's.
  const idle = await rigFor(() => new Promise(() => {}), [], slow.verify);
  const silent = login(idle);
  await turn();
  idle.clock.advance(2000);
  assert.ok(silent.ended[0]?.kind === 'fault' && !silent.ended[0].overload);
});

test('where there are several processors, one is left to the event loop', () => {
  assert.deepEqual(
    [1, 2, 3, 8].map((processors) => hashesAtOnce(2, processors)),
    [1, 1, 2, 2],
  );
  assert.equal(hashesAtOnce(64, 8), 7);
});

test('a hash that waits is withdrawn when its question is over, and makes room', async () => {
  const slow = slowVerifier();
  const rig = await rigFor((credentials) => credentials.verify('x'), [], slow.verify);
  login(rig);
  const gone = login(rig);
  gone.cancel();
  const next = login(rig);
  await turn();
  assert.deepEqual(next.ended, [], 'it waits, instead of being refused');
});

test('whoever waits for a hash that was withdrawn is told so', async () => {
  const slow = slowVerifier();
  const waiting: Promise<boolean>[] = [];
  const rig = await rigFor(
    (credentials) => {
      const verified = credentials.verify('x');
      waiting.push(verified);
      return verified;
    },
    [],
    slow.verify,
  );
  login(rig);
  login(rig).cancel();
  await assert.rejects(
    waiting[1] as Promise<boolean>,
    (error) => error instanceof HashQueueFull && /before the password was hashed/.test(error.message),
  );
});

test('credentials that a plugin keeps verify nothing after their question', async () => {
  let kept: Credentials | null = null;
  const rig = await rigFor((credentials) => {
    kept = credentials;
  });
  login(rig);
  await turn();
  await assert.rejects((kept as unknown as Credentials).verify(`hash:${SECRET}`), HashQueueFull);
});

test('the queue for hashes goes on after a verifier that throws or rejects, and takes only true for a match', async () => {
  const answers: (() => unknown)[] = [
    () => {
      throw new Error('broken');
    },
    () => Promise.reject(new Error('broken')),
    () => 'yes',
    () => true,
  ];
  const queue = new HashQueue(
    (() => answers.shift()?.()) as VerifyPassword,
    new VerifiedCache(new ManualClock(), 0, 1000),
    1,
    makeLimits().hashQueue,
  );
  const results = await Promise.allSettled([1, 2, 3, 4].map(() => queue.add(Buffer.from('p'), 'h', () => {})));
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : 'rejected')),
    ['rejected', 'rejected', false, true],
  );
  assert.equal(queue.waiting, 0);
});

test('as many passwords that matched are remembered as verifiedPasswords says, for verifiedPasswordMs', async () => {
  const hashed: string[] = [];
  const verify: VerifyPassword = async (password) => hashed.push(Buffer.from(password).toString()) > 0;
  const p = plugin('p', (hooks) =>
    hooks.authenticate.tap(async ({ credentials }, decide) => {
      await credentials.verify('stored');
      return decide.skip();
    }),
  );
  const limits = { verifiedPasswords: 2, verifiedPasswordMs: 60_000 };
  const rig = await preparedRig([p], [chain({ authenticate: ['p'] })], { limits, verify });
  const logins = async (...passwords: string[]): Promise<string> => {
    hashed.length = 0;
    for (const password of passwords) {
      login(rig, password);
      await turn();
    }
    return hashed.join('');
  };
  assert.equal(await logins('a', 'a', 'b', 'b', 'a'), 'ab');
  assert.equal(await logins('c', 'c'), 'c');
  assert.equal(await logins('b', 'a'), 'a', 'the oldest had to go');
  rig.clock.advance(60_000);
  assert.equal(await logins('c', 'a'), 'ca');
});
