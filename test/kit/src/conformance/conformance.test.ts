import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { definePlugin, type PluginContext, type PluginDefinition, type Rule } from '@portcullis/sdk';
import { type ConformanceError, type ConformanceOptions, conformance, conformanceCases } from './index.js';
import { LineBackend, lineAuth, type Mistake } from './line-backend.test.support.js';

const NONE = { type: 'object', additionalProperties: false, properties: {} } as const;
const ALICE = { username: 'alice', password: 'wonderland' };
const AUTHORITY: ConformanceOptions = { validCredentials: [ALICE], invalidCredentials: [{ username: 'alice', password: 'looking-glass' }] };

type Asked = Parameters<Parameters<PluginContext['hooks']['authenticate']['tap']>[0]>;
type Answer = (...asked: Asked) => ReturnType<Parameters<PluginContext['hooks']['authenticate']['tap']>[0]>;

/** An authority that knows alice; what it does wrong is done before. */
function authority(wrong: (asked: Asked, context: PluginContext) => ReturnType<Answer> | null, started: (context: PluginContext) => void = () => {}) {
  return definePlugin({
    name: 'suspect',
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny', 'skip'] },
    config: NONE,
    start(context) {
      started(context);
      context.hooks.authenticate.tap((request, decide) => {
        const answer = wrong([request, decide], context);
        if (answer !== null) return answer;
        if (request.credentials.username !== ALICE.username) return decide.skip();
        return request.credentials.equals(ALICE.password) ? decide.allow({ identity: { username: ALICE.username } }) : decide.deny('bad-credentials');
      });
    },
  });
}

/** Titles of the cases that fail, and the whole text. */
async function failures(plugin: PluginDefinition, options: ConformanceOptions, only?: RegExp): Promise<string> {
  if (only === undefined) {
    const error: unknown = await conformance(plugin, options).then(
      () => null,
      (failure: unknown) => failure,
    );
    return error === null ? '' : (error as ConformanceError).message;
  }
  const failed: string[] = [];
  for (const { title, run } of conformanceCases(plugin, options)) {
    if (!only.test(title)) continue;
    await run().catch((error: Error) => failed.push(`${title}: ${error.message}`));
  }
  return failed.join('\n');
}

describe('the conformance suite', () => {
  it('passes an authority that is right', async () => {
    assert.equal(
      await failures(
        authority(() => null),
        AUTHORITY,
      ),
      '',
    );
  });

  const open: NodeJS.Timeout[] = [];
  const held: ReturnType<typeof createServer>[] = [];
  after(() => {
    for (const timer of open) clearInterval(timer);
    for (const server of held) server.close();
  });
  const WRONG: readonly (readonly [what: string, cases: RegExp, plugin: PluginDefinition, caught: RegExp])[] = [
    [
      'lets everybody in',
      /strangers whatever/,
      authority(([{ credentials }, decide]) => decide.allow({ identity: { username: credentials.username ?? 'x' } })),
      /stranger.* was let in/,
    ],
    [
      'lets known users in with an empty password',
      /wrong, empty/,
      authority(([{ credentials }, decide]) =>
        credentials.username === 'alice' && credentials.equals('') ? decide.allow({ identity: { username: 'alice' } }) : null,
      ),
      /"alice" with a password of 0 bytes was let in/,
    ],
    [
      'lets known users in without a password',
      /wrong, empty/,
      authority(([{ credentials }, decide]) =>
        credentials.username === 'alice' && !credentials.hasPassword ? decide.allow({ identity: { username: 'alice' } }) : null,
      ),
      /"alice" with no password was let in/,
    ],
    [
      'lets clients in that bring nothing',
      /nothing at all/,
      authority(([{ credentials }, decide]) =>
        credentials.username === null && !credentials.hasPassword ? decide.allow({ identity: { anonymous: true } }) : null,
      ),
      /nobody with no password was let in/,
    ],
    ['refuses whom it should let in', /lets in whom/, authority(([, decide]) => decide.skip()), /lets in whom it should.*was refused/],
    [
      'looks names up in an object',
      /strangers whatever/,
      authority(([{ credentials }, decide]) => {
        const users: Record<string, string> = { alice: 'wonderland' };
        const found = users[credentials.username ?? ''];
        return found !== undefined && typeof found !== 'string' ? decide.allow({ identity: { username: 'x' } }) : null;
      }),
      /"(?:__proto__|constructor|toString|hasOwnProperty)".* was let in/,
    ],
    [
      'breaks over a name',
      /strangers whatever/,
      authority(([{ credentials }]) => {
        if (credentials.username?.includes('%') === true) decodeURIComponent(credentials.username);
        return null;
      }),
      /the plugin faulted [1-9]/,
    ],
    [
      'says what its manifest does not list',
      /only what "decides"/,
      {
        ...authority(([{ credentials }, decide]) => (credentials.username === 'alice' ? null : decide.skip())),
        decides: { authenticate: ['allow', 'deny'] },
      },
      /the plugin faulted/,
    ],
    [
      'logs passwords',
      /no secret/,
      definePlugin({
        ...authority(([{ credentials }], { log }) => {
          log.debug({ tried: Buffer.from(credentials.expose() ?? []).toString() }, 'a login');
          return null;
        }),
        capabilities: ['credentials'],
      }),
      /a secret was logged/,
    ],
    [
      'leaves a timer behind',
      /nothing behind/,
      authority(
        () => null,
        () => void open.push(setInterval(() => {}, 60_000)),
      ),
      /20 lives there are more open: \d+ × Timeout/,
    ],
    [
      'leaves a socket behind',
      /nothing behind/,
      authority(
        () => null,
        () => void held.push(createServer().listen(0, '127.0.0.1')),
      ),
      /more open: \d+ × TCPServerWrap/,
    ],
    [
      'forgets somebody in a new generation',
      /new generation/,
      (() => {
        let starts = 0;
        return authority(
          ([, decide]) => (starts > 1 ? decide.skip() : null),
          (context) => {
            starts += 1;
            context.onDispose(() => {
              if (starts > 2) starts = 0;
            });
          },
        );
      })(),
      /in a new generation.*was refused/,
    ],
    [
      'cannot end',
      /unanswered/,
      authority(
        () => null,
        ({ onDispose }) => onDispose(() => Promise.reject(new Error('still busy'))),
      ),
      /failed while stopping/,
    ],
    [
      'lets an error escape',
      /strangers whatever/,
      authority(([{ credentials }]) => {
        if (credentials.username === 'null') void Promise.reject(new Error('nobody listens'));
        return null;
      }),
      /an error escaped: nobody listens/,
    ],
  ];
  for (const [what, cases, plugin, caught] of WRONG) {
    it(`finds a plugin that ${what}`, async () => {
      assert.match(await failures(plugin, AUTHORITY, cases), caught);
    });
  }

  it('finds a plugin that is slower than its deadline', async () => {
    const slow = authority(([, decide]) => new Promise((resolve) => setTimeout(() => resolve(decide.skip()), 60)));
    const options = { ...AUTHORITY, validCredentials: [], entries: { plugin: { timeoutMs: 30 } } };
    assert.match(await failures(slow, options, /within its deadline/), /took \d+ ms, the deadline is 30 ms/);
  });

  it('finds a plugin that mixes up whom it was asked about', async () => {
    let waiting: (() => void)[] = [];
    const mixed = authority(([{ credentials }, decide]) => {
      const right = credentials.username === 'alice' && credentials.equals('wonderland');
      return new Promise((resolve) => {
        // The answer for the one before is the answer for this one.
        waiting.push(() => resolve(right ? decide.skip() : decide.allow({ identity: { username: 'x' } })));
        if (waiting.length < 2) return;
        for (const answer of waiting) answer();
        waiting = [];
      });
    });
    assert.match(await failures(mixed, AUTHORITY, /many at once/), /was (?:let in|refused)/);
  });

  it('runs every case, and names all that failed', async () => {
    const text = await failures(
      authority(([, decide]) => decide.allow({ identity: { username: 'anybody' } })),
      AUTHORITY,
    );
    assert.match(text, /^plugin suspect fails [3-9] of 15 cases:\n {2}- refuses wrong/);
    assert.ok(text.split('\n').length > 3, text);
  });

  it('says what it has to know', () => {
    assert.throws(
      () =>
        conformanceCases(
          authority(() => null),
          {},
        ),
      /needs validCredentials/,
    );
    assert.throws(() => conformanceCases(rights([]), {}), /needs rights/);
  });
});

function rights(rules: readonly Rule[]): PluginDefinition {
  return definePlugin({
    name: 'rights',
    sdk: '^1.0.0',
    taps: ['loadPolicy'],
    config: NONE,
    start: ({ hooks }) => hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, rules })),
  });
}

const rule = (pattern: string): Rule => ({ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern, from: 'test' });

describe('the conformance suite for rights', () => {
  const expected: ConformanceOptions = {
    rights: [
      { username: 'alice', action: 'publish', topic: 'own/alice/x', allowed: true },
      { username: 'alice', action: 'receive', topic: 'own/alice/x', allowed: true },
      { username: 'alice', action: 'subscribe', topic: 'own/alice/#', allowed: true },
      { username: 'alice', action: 'subscribe', topic: 'own/#', allowed: false },
      { username: 'alice', action: 'receive', topic: 'own/bob/x', allowed: false },
      { action: 'publish', topic: 'own/alice/x', allowed: false },
    ],
  };

  it('passes rules that are right', async () => {
    assert.equal(await failures(rights([rule('own/%u/#')]), expected), '');
  });

  it('finds rights that are too wide, and too narrow', async () => {
    assert.match(await failures(rights([rule('own/#')]), expected), /"alice" may subscribe "own\/#"/);
    assert.match(await failures(rights([]), expected), /"alice" may not publish "own\/alice\/x"/);
  });

  it('finds names that are put into topics as they are', async () => {
    const naive = definePlugin({
      ...rights([]),
      start: ({ hooks }) =>
        hooks.loadPolicy.tap(({ identity }, give) => {
          const name = identity.anonymous === true ? 'nobody' : identity.username;
          return give.policy({ version: 1, rules: name.length > 1000 ? [] : [rule(`${name}`)] });
        }),
    });
    assert.match(await failures(naive, { rights: [] }), /"\+" as "kit-stranger" may|the plugin faulted/);
  });

  it('finds client identifiers that are put into topics as they are', async () => {
    const naive = definePlugin({
      name: 'naive',
      sdk: '^1.0.0',
      decides: { authorize: ['allow', 'skip'] },
      config: NONE,
      start: ({ hooks }) =>
        hooks.authorize.tap(({ client, topic }, decide) => {
          const own = new RegExp(`^${client.id === '*' || client.id === '?' ? '.*' : client.id.replace(/[^a-z-]/g, '.')}$`);
          return own.test(topic) ? decide.allow() : decide.skip();
        }),
    });
    assert.match(await failures(naive, { rights: [] }, /hostile client identifier/), /as "(?:\+|#|\/|\*|\?|a\/b|.{1,5})" may/);
  });
});

describe('the conformance suite with a backend', () => {
  let backend: LineBackend;
  before(async () => {
    backend = await LineBackend.start();
  });
  after(() => backend.stop());

  const options = (): ConformanceOptions => ({
    ...AUTHORITY,
    config: { port: backend.port },
    backend: { target: { port: backend.port }, config: ({ port }) => ({ port }), healsWithinMs: 2000 },
  });

  it('passes a plugin that is right, whatever its backend does', { timeout: 60_000 }, async () => {
    assert.equal(await failures(lineAuth('none'), options(), /backend/), '');
  });

  const CAUGHT: readonly (readonly [mistake: Mistake, cases: RegExp, caught: RegExp])[] = [
    ['open when the connection breaks', /refuses connections|starts while/, /was let in/],
    ['half a row is a row', /truncate after 20/, /was let in/],
    ['never connects again', /is silent, and heals|refuses connections/, /after its backend was well again/],
    ['unheard errors', /refuses connections/, /an error escaped: .*ECONN/],
  ];
  for (const [mistake, cases, caught] of CAUGHT) {
    it(`finds a plugin whose mistake is: ${mistake}`, { timeout: 60_000 }, async () => {
      assert.match(await failures(lineAuth(mistake), options(), cases), caught);
    });
  }
});

describe('the conformance suite around a plugin whose manifest does not say what it taps', () => {
  const ships: Rule = { effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: 'ship/#', from: 'test' };
  const rights = definePlugin({
    name: 'silent',
    sdk: '^1.0.0',
    decides: { authenticate: ['skip'] },
    config: NONE,
    start({ hooks }) {
      hooks.authenticate.tap((_request, decide) => decide.skip());
      hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, rules: [ships] }));
    },
  });
  const RIGHTS = [
    { username: 'ann', action: 'publish', topic: 'ship/aurora', allowed: true },
    { username: 'ann', action: 'publish', topic: 'port', allowed: false },
  ] as const;

  it('asks for rights when it sees that the plugin gives some', async () => {
    assert.match(
      await failures(rights, { validCredentials: [] }, /no secret/),
      /the suite for a plugin that gives rights needs rights: a list, empty for none, beside validCredentials/,
    );
  });

  it('asks it about the rights that are named', async () => {
    assert.equal(await failures(rights, { validCredentials: [], rights: RIGHTS }, /right|secret/), '');
    const wrong = await failures(rights, { validCredentials: [], rights: [{ ...RIGHTS[1], allowed: true }] }, /rights that it should/);
    assert.match(wrong, /"ann" may not publish "port"/);
  });

  it('says of a guard that it is not asked', async () => {
    const guard = definePlugin({
      ...rights,
      start: ({ hooks }) => {
        hooks.authenticate.tap((_request, decide) => decide.skip());
        hooks.guardPublish.tap((_request, decide) => decide.pass());
      },
    });
    assert.match(
      await failures(guard, { validCredentials: [] }, /no secret/),
      /it taps guardPublish, but is asked there only with "taps" in its manifest/,
    );
  });

  it('takes neither nothing for a plugin nor an option that it would not look at', () => {
    assert.throws(() => conformanceCases(undefined as unknown as PluginDefinition, {}), /the suite needs a plugin: what definePlugin has returned/);
    const misspelt = { validCredential: [ALICE] } as ConformanceOptions;
    assert.throws(() => conformanceCases(rights, misspelt), /there is no option "validCredential"; there are .*validCredentials/);
  });
});
