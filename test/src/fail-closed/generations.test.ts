import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectPacket, VERSIONS, type Version } from '../hooks/stage.js';
import { BrokerProcess, runCommand, standardFiles, writeFiles } from '../support/broker-process.js';
import { publish } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const USERS = { alice: 'secret' };
const RIGHTS = 'user alice\ntopic readwrite t/#\n';
/** Made once: whose password was set anew would have to log in again. */
const STANDARD = standardFiles(USERS, RIGHTS);

/** A folder with a plugin whose module is this text. */
const plugin = (name: string, text: string): Readonly<Record<string, unknown>> => ({
  [`${name}/package.json`]: { name, version: '1.0.0', type: 'module', exports: './index.js' },
  [`${name}/index.js`]: text,
});

const definition = (body: string): string =>
  `export default { name: 'mine', sdk: '^1.0.0', config: { type: 'object', additionalProperties: false, properties: {} }, start({ hooks }) { ${body} } };`;

interface Mistake {
  readonly what: string;
  /** Spoils the files of a broker that would start. */
  readonly spoil: (files: Record<string, unknown>, document: Document) => void;
  /** What the complaint names. */
  readonly says: RegExp;
}

interface Document {
  plugins: Record<string, Record<string, unknown>>;
  chains: Record<string, Record<string, unknown>>;
}

/** Each has a name of its own: a module that was loaded once is not read again in the same process. */
const withPlugin =
  (name: string, text: string) =>
  (files: Record<string, unknown>, { plugins }: Document): void => {
    Object.assign(files, text === '' ? {} : plugin(name, text));
    plugins.mine = { use: `./${name}`, isolation: 'inProcess' };
  };

const MISTAKES: readonly Mistake[] = [
  {
    what: 'that is no JSON',
    spoil: (files) => {
      files['plugins.json'] = '{ "version": 1, ';
    },
    says: /plugins\.json:1:\d+/,
  },
  {
    what: 'with an unknown key',
    spoil: (_files, { plugins }) => Object.assign(plugins.passwords as object, { timeoutMS: 5 }),
    says: /plugins\.json:\d+:\d+ .*"timeoutMS".*"timeoutMs"/,
  },
  {
    what: 'with a key twice',
    spoil: (files, document) => {
      files['plugins.json'] = JSON.stringify(document).replace('"version":1', '"version":1,"version":1');
    },
    says: /plugins\.json:1:\d+ .*version/,
  },
  {
    what: "that does not fit a plugin's schema",
    spoil: (_files, { plugins }) => Object.assign(plugins.passwords as object, { config: { file: 5 } }),
    says: /plugins\.json:\d+:\d+ .*passwords\.config\.file/,
  },
  {
    what: 'whose password file is gone',
    spoil: (files) => void delete files['data/passwords'],
    says: /data\/passwords/,
  },
  {
    what: 'whose password file cannot be read',
    spoil: (files) => {
      delete files['data/passwords'];
      files['data/passwords/inside'] = 'a folder stands in its place';
    },
    says: /data\/passwords/,
  },
  { what: 'with a plugin that is not there', spoil: withPlugin('absent', ''), says: /absent/ },
  { what: 'with a plugin for another SDK', spoil: withPlugin('future', definition('').replace('^1.0.0', '^99.0.0')), says: /future.*99|99.*future/s },
  {
    what: 'with a plugin that taps an unknown hook',
    spoil: withPlugin('tapper', definition('hooks.authentciate.tap(() => undefined);')),
    says: /unknown hook "authentciate", did you mean "authenticate"/,
  },
];

function files(): { files: Record<string, unknown>; document: Document } {
  const made: Record<string, unknown> = { ...STANDARD };
  const document = JSON.parse(JSON.stringify(made['plugins.json'])) as Document & { listeners: Record<string, { url: string }> };
  document.listeners = { local: { ...document.listeners.local, url: 'mqtt://127.0.0.1:0' } };
  made['plugins.json'] = document;
  return { files: made, document };
}

describe('a configuration', () => {
  for (const { what, spoil, says } of MISTAKES) {
    it(`${what} does not start: no port is opened, the exit status is 1, and the complaint names it`, async () => {
      const spoilt = files();
      spoil(spoilt.files, spoilt.document);
      const { code, output } = await runCommand({ files: spoilt.files });
      assert.equal(code, 1, output);
      assert.match(output, says);
      assert.doesNotMatch(output, /listening name=/);
    });
  }
});

describe('a reload', () => {
  let broker: BrokerProcess;
  const living: { version: Version; client: WireClient }[] = [];

  before(async () => {
    broker = await BrokerProcess.start({ files: files().files });
    for (const version of VERSIONS) living.push({ version, client: await login(version, `living-${version}`) });
  });

  after(async () => {
    for (const { client } of living) client.close();
    assert.equal(await broker.stop(), 0);
  });

  async function knock(version: Version, clientId: string, password: string): Promise<WireClient> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connectPacket(version, { clientId, username: 'alice', password }));
    return client;
  }

  async function login(version: Version, clientId: string): Promise<WireClient> {
    const client = await knock(version, clientId, 'secret');
    assert.match(await client.readPacket('CONNACK'), /^20 [0-9a-f]{2} 00 00\b/);
    return client;
  }

  for (const { what, spoil, says } of MISTAKES) {
    it(`of a configuration ${what} is refused: whoever is there stays, and the old one decides about the next`, async () => {
      const spoilt = files();
      spoil(spoilt.files, spoilt.document);
      const since = broker.output.length;
      write(spoilt.files);
      broker.signal('SIGHUP');
      await broker.waitForOutput(says, since);
      for (const { version, client } of living) {
        const props = version === '5.0' ? { properties: '' } : {};
        client.send(publish({ topic: 't/x', payload: 'x', qos: 1, packetId: 1, ...props }));
        assert.match(await client.readPacket(), /^40 0[23] 00 01/);
        const good = await login(version, 'next');
        good.close();
        const bad = await knock(version, 'stranger', 'wrong');
        await bad.expect(version === '5.0' ? '20 03 00 86 00' : '20 02 00 04');
        await bad.expectClosed();
      }
      write(files().files);
    });
  }

  /** In place of what was there: a file may have become a folder. */
  function write(now: Record<string, unknown>): void {
    rmSync(join(broker.folder, 'data'), { recursive: true, force: true });
    writeFiles(broker.folder, now);
  }
});

/** Lets everybody in after a moment, and says by its rights which generation it was: `n/<epoch>` may be published to and nothing else. */
const EPOCH = `
export default {
  name: 'epoch', sdk: '^1.0.0', decides: { authenticate: ['allow'] },
  config: { type: 'object', required: ['epoch', 'ill'], additionalProperties: false, properties: { epoch: { type: 'integer' }, ill: { type: 'boolean' } } },
  start({ hooks, timers }, { epoch, ill }) {
    if (ill) throw new Error('the self-test failed');
    hooks.authenticate.tap(({ client }, decide) => new Promise((resolve) =>
      timers.after(client.id.startsWith('slow') ? 30 : 0, () => resolve(decide.allow({ identity: { username: 'u' } })))));
    hooks.loadPolicy.tap((request, give) => give.policy({ version: epoch, rules: [{ effect: 'allow', actions: ['publish'], pattern: 'n/' + epoch, from: 'epoch' }] }));
  },
};`;

const LIVING = 1000;
const SWAPS = 8;
const EVERY_MS = 5;

describe('a switch of configurations', () => {
  let broker: BrokerProcess;
  const configuration = (epoch: number, ill = false): object => ({
    version: 1,
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: { epoch: { use: './epoch', isolation: 'inProcess', config: { epoch, ill } } },
    chains: { default: { authenticate: ['epoch'], authorize: ['epoch'] } },
  });

  before(async () => {
    broker = await BrokerProcess.start({ files: { ...plugin('epoch', EPOCH), 'plugins.json': configuration(1) } });
  });

  after(async () => assert.equal(await broker.stop(), 0));

  async function enter(clientId: string): Promise<WireClient> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connectPacket('5.0', { clientId, username: 'u' }));
    const connack = await client.readPacket('CONNACK');
    assert.match(connack, /^20 [0-9a-f]{2} 00 00\b/, `${clientId} was refused in the middle of a switch: [${connack}]`);
    return client;
  }

  /** Which topics the client may publish to at this moment. */
  async function rights(client: WireClient, from: number, to: number): Promise<number[]> {
    const may: number[] = [];
    for (let n = from; n <= to; n += 1) {
      client.send(publish({ topic: `n/${n}`, payload: 'x', qos: 1, packetId: 1, properties: '' }));
      if ((await client.readPacket()) === '40 03 00 01 10') may.push(n);
    }
    return may;
  }

  it('disconnects nobody, and answers every CONNECT by the one before or the one after; a plugin that does not start changes nothing', async () => {
    const living = await Promise.all(Array.from({ length: LIVING }, (_, index) => enter(`living-${index}`)));
    const arrivals = new Arrivals(enter);
    let epoch = 1;
    try {
      for (let swap = 1; swap <= SWAPS; swap += 1) {
        const ill = swap % 2 === 0;
        const since = broker.output.length;
        writeFiles(broker.folder, { 'plugins.json': configuration(epoch + 1, ill) });
        broker.signal('SIGHUP');
        await broker.waitForOutput(ill ? /the self-test failed/ : /reloaded the configuration/, since);
        if (!ill) epoch += 1;
        const late = await enter(`after-${swap}`);
        assert.deepEqual(await rights(late, epoch - 1, epoch + 1), [epoch]);
        late.close();
      }
    } finally {
      await arrivals.end();
    }
    assert.deepEqual(arrivals.complaints, []);
    assert.ok(arrivals.accepted > SWAPS, `${arrivals.accepted} CONNECTs are too few to have met a switch`);
    for (const client of living) await client.silence();
    assert.deepEqual(await rights(living[0] as WireClient, epoch - 1, epoch + 1), [epoch]);
    for (const client of living) client.close();
  });
});

/** Clients that keep coming, 200 a second, every other one judged slowly. */
class Arrivals {
  accepted = 0;
  readonly complaints: string[] = [];
  readonly #coming: Promise<void>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(enter: (clientId: string) => Promise<WireClient>) {
    this.#timer = setInterval(() => {
      const clientId = `${this.#coming.length % 2 === 0 ? 'slow' : 'quick'}-${this.#coming.length}`;
      const came = (client: WireClient): void => {
        this.accepted += 1;
        client.close();
      };
      const failed = (error: Error): void => void this.complaints.push(error.message);
      this.#coming.push(enter(clientId).then(came, failed));
    }, EVERY_MS);
  }

  /** No more of them; waits until all have their answer. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#coming);
  }
}
