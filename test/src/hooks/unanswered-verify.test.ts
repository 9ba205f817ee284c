import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, passwordLine, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { type ConnectFields, connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Ways of forgetting to wait for `verify`, by username. `yes` and `no` are answers, `hash` belongs to the password "secret". */
const FORGETFUL: Readonly<Record<string, string>> = {
  'at-once': 'return credentials.verify(hash) ? yes() : no();',
  asynchronous: 'return (async () => (credentials.verify(hash) ? yes() : no()))();',
  // The answer has long been there when it is taken for a yes.
  'looked-at-later': `return (async () => {
    const matches = credentials.verify(hash);
    await credentials.verify(other);
    await credentials.verify(other);
    return matches ? yes() : no();
  })();`,
  derived: 'return (async () => (credentials.verify(hash).then((matches) => matches) ? yes() : no()))();',
  raced: 'return Promise.race([credentials.verify(hash).then(() => {}), Promise.resolve(true)]).then(() => yes());',
  'second-factor': 'return (async () => ((await credentials.verify(hash), true) && credentials.verify(other) ? yes() : no()))();',
};

/** Ways of waiting for `verify` and looking at something else, by username. They let in whoever has the right password, and nobody else. */
const MISTAKEN: Readonly<Record<string, string>> = {
  'list-of-answers': 'return (async () => ((await Promise.all([credentials.verify(hash)])) ? yes() : no()))();',
  'the-promise-itself': `return (async () => {
    const matches = credentials.verify(hash);
    await matches;
    return matches ? yes() : no();
  })();`,
  'a-caught-one': `return (async () => {
    const matches = credentials.verify(hash).catch(() => false);
    await credentials.verify(other);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return matches ? yes() : no();
  })();`,
  'some-of-them': `return (async () => {
    const matches = [hash].some(async (each) => await credentials.verify(each));
    await credentials.verify(other);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return matches ? yes() : no();
  })();`,
  'forgotten-answer': 'return (async () => { await credentials.verify(hash); return yes(); })();',
};

/** Ways of using `verify` that are right. */
const CAREFUL: Readonly<Record<string, string>> = {
  awaits: 'return (async () => ((await credentials.verify(hash)) ? yes() : no()))();',
  chained: 'return credentials.verify(hash).then((matches) => (matches ? yes() : no()));',
  'one-of-several': `return (async () => {
    for (const each of [other, hash]) if (await credentials.verify(each)) return yes();
    return no();
  })();`,
  'as-text': `return (async () => ((await credentials.verify(other)) || credentials.equals('secret') ? yes() : no()))();`,
  'side-by-side': `return (async () => {
    const [matches] = await Promise.all([credentials.verify(hash), new Promise((resolve) => setTimeout(resolve, 5))]);
    return matches ? yes() : no();
  })();`,
};

/** Ways of letting somebody in whose password does not matter. */
const REGARDLESS: Readonly<Record<string, string>> = {
  'another-proof': `return (async () => {
    await credentials.verify(hash);
    return decide.allow({ identity: { username: credentials.username }, regardlessOfPassword: true });
  })();`,
  'no-proof': `return (async () => {
    await credentials.verify(hash);
    return decide.allow({ identity: { username: credentials.username }, regardlessOfPassword: 'yes' });
  })();`,
};

function index(): string {
  const cases = Object.entries({ ...FORGETFUL, ...MISTAKEN, ...CAREFUL, ...REGARDLESS }).map(([name, deed]) => `        case '${name}': ${deed}`);
  return `import { definePlugin } from '@portcullis/sdk';
export default definePlugin({
  name: 'forgetful', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny', 'skip'] },
  config: { type: 'object', additionalProperties: false, properties: { hash: { type: 'string' }, other: { type: 'string' } } },
  start({ hooks }, { hash, other }) {
    hooks.authenticate.tap(({ credentials }, decide) => {
      const yes = () => decide.allow({ identity: { username: credentials.username } });
      const no = () => decide.deny('bad-credentials');
      switch (credentials.username) {
${cases.join('\n')}
        default: void credentials.verify(null); return decide.skip();
      }
    });
  },
});
`;
}

function install(folder: string): void {
  mkdirSync(join(folder, 'forgetful', 'node_modules', '@portcullis'), { recursive: true });
  symlinkSync(join(ROOT, 'sdk'), join(folder, 'forgetful', 'node_modules', '@portcullis', 'sdk'));
  const [hash, other] = ['secret', 'another'].map((password) => passwordLine('x', password).trim().slice(2));
  const entry = { use: './forgetful', config: { hash, other }, breaker: { faults: 1000 } };
  writeFiles(folder, {
    'forgetful/package.json': { name: 'forgetful', version: '1.0.0', type: 'module', exports: './index.js' },
    'forgetful/index.js': index(),
    'plugins.json': {
      version: 1,
      listeners: { inProcess: { url: 'mqtt://127.0.0.1:0', chain: 'inProcess' }, worker: { url: 'mqtt://127.0.0.1:0', chain: 'worker' } },
      plugins: { near: { ...entry, isolation: 'inProcess' }, far: { ...entry, isolation: 'worker' } },
      chains: { inProcess: { authenticate: ['near'] }, worker: { authenticate: ['far'] } },
    },
  });
}

describe('a plugin that does not wait for verify', () => {
  let folder: string;
  let broker: BrokerProcess;

  before(async () => {
    folder = temporaryFolder();
    install(folder);
    broker = await BrokerProcess.start({ folder });
  });

  after(async () => {
    assert.equal(await broker.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** The code of the CONNACK. */
  async function knock(listener: string, username: string, password: string | undefined, version: '3.1.1' | '5.0'): Promise<string> {
    const client = await WireClient.connect(broker.port(listener));
    const fields: ConnectFields = { clientId: 'c', username, ...(password === undefined ? {} : { password }) };
    client.send(version === '5.0' ? connect5(fields) : connect311(fields));
    const connack = await client.readPacket();
    client.close();
    return connack.split(' ')[3] ?? connack;
  }

  for (const listener of ['inProcess', 'worker']) {
    it(`lets nobody in, with the right password neither, and is told why (${listener})`, async () => {
      // Beforehand, so that the right password is one of those that need no hashing any more.
      assert.equal(await knock(listener, 'awaits', 'secret', '5.0'), '00');
      for (const username of Object.keys(FORGETFUL)) {
        for (const password of ['wrong', undefined, 'secret']) {
          // It lost the race only once it had been hashed; now it wins, and matches.
          if (username === 'raced' && password === 'secret') continue;
          assert.equal(await knock(listener, username, password, '5.0'), '88', `${username}, ${password}, 5.0`);
          // MQTT 3.1.1 has no password without a username, but a username without a password it has.
          assert.equal(await knock(listener, username, password, '3.1.1'), '03', `${username}, ${password}, 3.1.1`);
        }
      }
      const plugin = listener === 'worker' ? 'far' : 'near';
      await broker.waitForOutput(
        new RegExp(`PCL_PLUGIN_FAULT.*plugin=${plugin} .*allowed while its verify\\(\\) was unanswered: is an await missing\\?`),
      );
      assert.doesNotMatch(broker.output, /PCL_INVARIANT|PCL_PLUGIN_ESCAPED/);
    });

    it(`and takes something else for the answer lets in nobody whose password is wrong, and is told why (${listener})`, async () => {
      for (const username of Object.keys(MISTAKEN)) {
        assert.equal(await knock(listener, username, 'secret', '5.0'), '00', username);
        for (const password of ['wrong', undefined]) {
          assert.equal(await knock(listener, username, password, '5.0'), '88', `${username}, ${password}, 5.0`);
          assert.equal(await knock(listener, username, password, '3.1.1'), '03', `${username}, ${password}, 3.1.1`);
        }
      }
      const plugin = listener === 'worker' ? 'far' : 'near';
      await broker.waitForOutput(new RegExp(`PCL_PLUGIN_FAULT.*plugin=${plugin} .*allowed though no verify\\(\\) said yes`));
      assert.doesNotMatch(broker.output, /PCL_INVARIANT|PCL_PLUGIN_ESCAPED/);
    });

    it(`may let in whose password does not matter, if it says so (${listener})`, async () => {
      for (const password of ['wrong', 'secret', undefined]) {
        assert.equal(await knock(listener, 'another-proof', password, '5.0'), '00', `${password}`);
        assert.equal(await knock(listener, 'no-proof', password, '5.0'), '88', `${password}`);
      }
    });

    it(`may verify as often as it likes, as long as it waits (${listener})`, async () => {
      for (const username of Object.keys(CAREFUL)) {
        assert.equal(await knock(listener, username, 'secret', '5.0'), '00', username);
        assert.equal(await knock(listener, username, 'secret', '3.1.1'), '00', username);
        for (const password of ['wrong', undefined]) assert.equal(await knock(listener, username, password, '5.0'), '86', `${username}, ${password}`);
      }
      assert.equal(await knock(listener, 'nobody', 'secret', '5.0'), '86', 'skip and deny need no answer');
    });
  }
});
