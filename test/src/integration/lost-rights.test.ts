import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, passwordLine, standardFiles, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ACCEPTED = '20 02 00 00';
const GRANTED = '90 03 00 01 00';
const USERS = { alice: 'secret', bob: 'secret' };
const RIGHTS = 'topic readwrite t/#\nuser alice\ntopic readwrite t/#\nuser bob\ntopic readwrite t/#\n';
const ALLOW_ALL = "{ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: 'test' }";

/** Holds back each subscription until it is told to go on. */
const SLOW_GUARD = `
  hooks.guardSubscribe.tap(async (request, decide) => {
    log.info({}, 'guard was asked');
    while (!existsSync(join(baseFolder, 'go'))) await new Promise((resolve) => setTimeout(resolve, 20));
    return decide.pass();
  });`;

/** Holds back each CONNECT whose identity is known. */
const SLOW_ADMISSION = SLOW_GUARD.replace('guardSubscribe', 'admitIdentity');

/** Never says whether client "one" may receive. */
const SILENT_ABOUT_ONE = `
  hooks.authorize.tap(({ action, client }, decide) => {
    if (action !== 'receive' || client.id !== 'one') return decide.allow();
    log.info({}, 'receive was asked');
    return new Promise(() => {});
  });`;

/** A template that is taken back without another word. */
const TEMPLATE_ONLY = `
  policy.setTemplate('all', [${ALLOW_ALL}]);
  hooks.loadPolicy.tap((request, give) => give.policy({ version: 1, templates: ['all'] }));
  onReload(() => {
    policy.setTemplate('all', [{ effect: 'allow', actions: ['publish'], pattern: '#', from: 'test' }]);
    log.info({}, 'taken back');
  });`;

/** Identities and rights that end after a second. */
const ENDING = `
  hooks.authenticate.tap(({ credentials }, decide) =>
    decide.allow({ identity: { username: credentials.username }, ...(credentials.username === 'banned' ? { leaseSeconds: 1 } : {}) }));
  hooks.refreshIdentity.tap((request, decide) => decide.deny('banned'));
  hooks.loadPolicy.tap(({ identity, reason }, give) => {
    if (reason !== 'connect') throw new BackendUnavailable('down');
    return give.policy({ version: 1, rules: [${ALLOW_ALL}], ...(identity.username === 'stale' ? { leaseSeconds: 1 } : {}) });
  });`;

/** Who logs in again may receive less; code says so, and takes its time. */
const LESS_EACH_TIME = `
  let logins = 0;
  hooks.authenticate.tap(({ credentials }, decide) =>
    decide.allow({ identity: { username: credentials.username, attributes: { login: credentials.username === 'bob' ? ++logins : 0 } } }));
  hooks.authorize.tap(async ({ action, identity }, decide) => {
    if (action !== 'receive') return decide.allow();
    log.info({ login: identity.attributes.login }, 'receive was asked');
    while (!existsSync(join(baseFolder, 'go'))) await new Promise((resolve) => setTimeout(resolve, 20));
    return identity.attributes.login === 1 ? decide.allow() : decide.deny('not-authorized');
  });`;

type Document = { plugins: Record<string, unknown>; chains: Record<string, Record<string, unknown>> };

describe('rights that are lost', () => {
  let folder: string;
  let broker: BrokerProcess;

  before(() => {
    folder = join(temporaryFolder(), 'mine');
    mkdirSync(join(folder, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, 'node_modules', '@portcullis', 'sdk'));
  });

  afterEach(async () => assert.equal(await broker.stop(), 0));
  after(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  async function start(source: string, decides: object, change: (document: Document) => void): Promise<Document> {
    writeFiles(folder, {
      'package.json': { name: 'mine', version: '1.0.0', type: 'module', exports: './index.js', dependencies: { '@portcullis/sdk': '^1.0.0' } },
      'index.js': [
        "import { existsSync } from 'node:fs';",
        "import { join } from 'node:path';",
        "import { BackendUnavailable, definePlugin } from '@portcullis/sdk';",
        `export default definePlugin({ name: 'mine', sdk: '^1.0.0', decides: ${JSON.stringify(decides)}, capabilities: ['policy'],`,
        "  config: { type: 'object', additionalProperties: false, properties: {} },",
        `  start({ hooks, policy, log, baseFolder, onReload }) {${source}\n  } });`,
      ].join('\n'),
    });
    const files = standardFiles(USERS, RIGHTS);
    const document = structuredClone(files['plugins.json']) as Document;
    if (source !== '') document.plugins.mine = { use: folder, isolation: 'inProcess', config: {}, timeoutMs: 8000 };
    change(document);
    broker = await BrokerProcess.start({ files: { ...files, 'plugins.json': document } });
    return document;
  }

  async function login(clientId: string, username?: string, more: object = {}): Promise<WireClient> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect311({ clientId, ...(username === undefined ? {} : { username, password: 'secret' }), ...more }));
    return client;
  }

  async function member(clientId: string, username?: string): Promise<WireClient> {
    const client = await login(clientId, username);
    await client.expect(ACCEPTED);
    return client;
  }

  async function reload(says: RegExp): Promise<void> {
    const since = broker.output.length;
    broker.signal('SIGHUP');
    await broker.waitForOutput(says, since);
  }

  it('end the connections of those whom the new configuration would not let in', async () => {
    const document = await start('', {}, ({ plugins, chains }) => {
      plugins.everybody = { use: '@portcullis/plugin-anonymous' };
      Object.assign(chains.default ?? {}, { authenticate: ['passwords', 'everybody'] });
    });
    const nobody = await member('nobody');
    const bob = await member('bob', 'bob');
    const alice = await member('alice', 'alice');
    delete document.plugins.everybody;
    Object.assign(document.chains.default ?? {}, { authenticate: ['passwords'] });
    writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(document));
    const passwords = join(broker.folder, 'data/passwords');
    const kept = readFileSync(passwords, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('alice:'));
    writeFileSync(passwords, kept.join('\n'));
    await reload(/reloaded the configuration/);
    await nobody.expectClosed();
    await bob.expectClosed();
    alice.send(subscribe({ filters: [['t/#', 0]] }));
    await alice.expect(GRANTED);
  });

  it('follow a listener to another chain, on the port that it has', async () => {
    const document = await start('', {}, ({ plugins, chains }) => {
      plugins.everybody = { use: '@portcullis/plugin-anonymous' };
      chains.open = { authenticate: ['passwords', 'everybody'], authorize: ['rules'] };
      chains.none = { authenticate: ['passwords'] };
    });
    const listeners = (document as unknown as { listeners: Record<string, object> }).listeners;
    const port = broker.port('local');
    listeners.local = { url: `mqtt://127.0.0.1:${port}`, chain: 'open' };
    const move = async (chain: string): Promise<void> => {
      Object.assign(listeners.local ?? {}, { chain });
      writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(document));
      await reload(/reloaded the configuration/);
    };
    await move('open');
    const nobody = await member('nobody');
    const bob = await member('bob', 'bob');
    await move('none');
    await nobody.expectClosed();
    const late = await login('late');
    await late.expect('20 02 00 04');
    bob.send(subscribe({ filters: [['t/#', 0]] }));
    await bob.expect('90 03 00 01 80');
  });

  it('hold for a subscription that was still being judged', async () => {
    await start(SLOW_GUARD, {}, ({ chains }) => Object.assign(chains.default ?? {}, { guards: ['mine'] }));
    const bob = await member('bob', 'bob');
    const alice = await member('alice', 'alice');
    bob.send(subscribe({ filters: [['t/#', 0]] }));
    await broker.waitForOutput(/guard was asked/);
    writeFileSync(join(broker.folder, 'data/acl'), RIGHTS.replace('bob\ntopic readwrite', 'bob\ntopic write'));
    await reload(/rules read/);
    writeFileSync(join(broker.folder, 'go'), '');
    await bob.expect(GRANTED);
    alice.send(publish({ topic: 't/a', payload: 'x' }));
    await bob.silence();
  });

  it('hold for a user who is taken out of the file in the middle of the CONNECT', async () => {
    await start(SLOW_ADMISSION, {}, ({ chains }) => Object.assign(chains.default ?? {}, { guards: ['mine'] }));
    const bob = await login('bob', 'bob');
    await broker.waitForOutput(/guard was asked/);
    writeFileSync(join(broker.folder, 'data/passwords'), passwordLine('alice', 'secret'));
    await reload(/users read/);
    writeFileSync(join(broker.folder, 'go'), '');
    await bob.expect('20 02 00 05');
    await bob.expectClosed();
  });

  it('hold for topics that nobody published to before, however the rules were taken back', async () => {
    await start(TEMPLATE_ONLY, {}, ({ plugins, chains }) => {
      delete plugins.rules;
      Object.assign(chains.default ?? {}, { authorize: ['mine'] });
    });
    const bob = await member('bob', 'bob');
    bob.send(subscribe({ filters: [['t/#', 0]] }));
    await bob.expect(GRANTED);
    await reload(/taken back/);
    bob.send(publish({ topic: 't/new', payload: 'x' }));
    await bob.silence();
  });

  it('take the will with them', async () => {
    const only = ({ plugins, chains }: Document): void => {
      for (const name of ['passwords', 'rules']) delete plugins[name];
      chains.default = { authenticate: ['mine'], authorize: ['mine'] };
    };
    await start(ENDING, { authenticate: ['allow'], refreshIdentity: ['deny'] }, only);
    const watcher = await member('watcher', 'watcher');
    watcher.send(subscribe({ filters: [['will/#', 0]] }));
    await watcher.expect(GRANTED);
    for (const username of ['banned', 'stale', 'fine']) {
      const client = await login(username, username, { will: { topic: `will/${username}`, payload: '' } });
      await client.expect(ACCEPTED);
      if (username === 'fine') client.reset();
      else await client.expectClosed();
    }
    // Of the three, the one whose rights stood.
    await watcher.expect(publish({ topic: 'will/fine' }));
    await watcher.silence();
  });

  it('send the message of a group to the next member when the one that was asked about goes', async () => {
    await start(SILENT_ABOUT_ONE, { authorize: ['allow'] }, ({ chains }) => Object.assign(chains.default ?? {}, { authorize: ['rules', 'mine'] }));
    const [one, two] = [await member('one', 'bob'), await member('two', 'bob')];
    for (const client of [one, two]) {
      client.send(subscribe({ filters: [['$share/g/t/#', 0]] }));
      await client.expect(GRANTED);
    }
    const alice = await member('alice', 'alice');
    for (const payload of ['a', 'b']) alice.send(publish({ topic: 't/a', payload }));
    await broker.waitForOutput(/receive was asked/);
    const first = await two.readPacket();
    one.close();
    const others = ['a', 'b'].map((payload) => publish({ topic: 't/a', payload })).filter((bytes) => bytes !== first.replaceAll(' ', ''));
    assert.equal(others.length, 1);
    await two.expect(others[0] ?? '');
  });

  it('leave the allowance of a user whose session another one has taken over', async () => {
    await start('', {}, (document) => Object.assign(document, { sessions: { clientIdOwnership: 'shared', perPrincipal: 1 } }));
    const durable = { cleanSession: false };
    const alice = await login('x', 'alice', durable);
    await alice.expect(ACCEPTED);
    const bob = await login('x', 'bob', durable);
    await bob.expect('20 02 01 00');
    await member('y', 'alice');
    const second = await login('z', 'bob');
    await second.expect('20 02 00 03');
  });

  it('hold for a copy that code is asked about while its receiver logs in again', async () => {
    await start(LESS_EACH_TIME, { authenticate: ['allow'], authorize: ['allow', 'deny'] }, ({ plugins, chains }) => {
      for (const name of ['passwords', 'rules']) delete plugins[name];
      chains.default = { authenticate: ['mine'], authorize: ['mine'] };
    });
    const durable = { cleanSession: false };
    const bob = await login('bob', 'bob', durable);
    await bob.expect(ACCEPTED);
    bob.send(subscribe({ filters: [['t/#', 1]] }));
    await bob.expect('90 03 00 01 01');
    const alice = await member('alice', 'alice');
    alice.send(publish({ topic: 't/a', payload: 'x', qos: 1 }));
    await broker.waitForOutput(/receive was asked.*login=1/);
    const again = await login('bob', 'bob', durable);
    await again.expect('20 02 01 00');
    writeFileSync(join(broker.folder, 'go'), '');
    await broker.waitForOutput(/receive was asked.*login=2/);
    await again.silence();
  });
});
