import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, writeFiles } from '../support/broker-process.js';
import { auth, connect5, field, PINGREQ, PINGRESP } from '../support/packets.js';
import { fromHex, toHex, WireClient } from '../support/wire-client.js';

const METHOD = `15 ${field('PLAIN')}`;
/** The data by which a generation is known, as the wire client shows bytes. */
const data = (epoch: number): string => toHex(fromHex(`16 ${field(String(epoch))}`));

/** Needs two steps, and knows at the second which exchange it began itself. Says in each answer which generation it is. */
const PROVER = `
export default {
  name: 'prover', sdk: '^1.0.0', decides: { authenticateEnhanced: ['allow', 'continue'] },
  config: { type: 'object', required: ['epoch'], additionalProperties: false, properties: { epoch: { type: 'integer' } } },
  start({ hooks }, { epoch }) {
    const begun = new WeakSet();
    const said = new TextEncoder().encode(String(epoch));
    hooks.authenticateEnhanced.tap('PLAIN', ({ exchange, step }, decide) => {
      if (step === 1) { begun.add(exchange); return decide.continue(said); }
      if (!begun.has(exchange)) throw new Error('an exchange that somebody else began');
      return decide.allow({ identity: { username: 'u' }, data: said });
    });
    hooks.loadPolicy.tap((_request, give) => give.policy({ version: epoch, rules: [] }));
  },
};`;

/** How long a configuration that was replaced waits for whoever it has begun to judge. */
const DRAIN_MS = 1500;

for (const isolation of ['inProcess', 'worker']) {
  describe(`an exchange of proofs that waits for its client while the configuration is replaced, ${isolation}`, () => {
    let broker: BrokerProcess;
    let epoch = 1;
    const configuration = (): object => ({
      version: 1,
      listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
      plugins: { prover: { use: './prover', isolation, config: { epoch } } },
      chains: { default: { authenticate: ['prover'], authorize: ['prover'], deadlineMs: 20_000 } },
      limits: { pluginDrainMs: DRAIN_MS, connectTimeoutMs: 20_000 },
    });

    before(async () => {
      const manifest = { name: 'prover', version: '1.0.0', type: 'module', exports: './index.js' };
      broker = await BrokerProcess.start({
        files: { 'prover/package.json': manifest, 'prover/index.js': PROVER, 'plugins.json': configuration() },
      });
    });

    after(async () => assert.equal(await broker.stop(), 0));

    /** A client that has been asked for its proof, and by which generation. */
    async function challenged(clientId: string): Promise<WireClient> {
      const client = await WireClient.connect(broker.port('local'));
      client.send(connect5({ clientId, properties: METHOD }));
      await client.expect(auth(0x18, `${METHOD} ${data(epoch)}`));
      return client;
    }

    async function prove(client: WireClient, by: number): Promise<void> {
      client.send(auth(0x18, METHOD));
      const connack = await client.readPacket('CONNACK');
      assert.match(connack, /^20 [0-9a-f]{2} 00 00 /);
      assert.ok(connack.endsWith(data(by)), connack);
    }

    /** Has the next configuration put in force; `reported` when the one before has nothing left to do. */
    async function replace(): Promise<{ reported: Promise<unknown> }> {
      const since = broker.output.length;
      epoch += 1;
      writeFiles(broker.folder, { 'plugins.json': configuration() });
      broker.signal('SIGHUP');
      const reported = broker.waitForOutput(/reloaded the configuration/, since);
      // Whoever comes is asked by the new one as soon as it is in force.
      for (let asked = ''; asked !== data(epoch); ) {
        const probe = await WireClient.connect(broker.port('local'));
        probe.send(connect5({ clientId: 'probe', properties: METHOD }));
        asked = (await probe.readPacket()).slice(-data(epoch).length);
        probe.close();
      }
      return { reported };
    }

    it('is judged at CONNECT to its end by the one that began it', async () => {
      const before = epoch;
      const client = await challenged('connecting');
      const { reported } = await replace();
      await prove(client, before);
      await reported;
      client.send(PINGREQ);
      await client.expect(PINGRESP);
      client.close();
    });

    it('is judged again to its end by the one that began it, and the client stays', async () => {
      const before = epoch;
      const client = await challenged('connected');
      await prove(client, before);
      client.send(auth(0x19, METHOD));
      await client.expect(auth(0x18, `${METHOD} ${data(before)}`));
      const { reported } = await replace();
      client.send(auth(0x18, METHOD));
      await client.expect(auth(0x00, `${METHOD} ${data(before)}`));
      await reported;
      // The next one is the business of the configuration that is in force.
      client.send(auth(0x19, METHOD));
      await client.expect(auth(0x18, `${METHOD} ${data(epoch)}`));
      client.send(auth(0x18, METHOD));
      await client.expect(auth(0x00, `${METHOD} ${data(epoch)}`));
      client.close();
    });

    it('is refused, and lets nobody in, when its client takes longer than pluginDrainMs', async () => {
      const before = epoch;
      const connected = await challenged('late-connected');
      await prove(connected, before);
      connected.send(auth(0x19, METHOD));
      await connected.expect(auth(0x18, `${METHOD} ${data(before)}`));
      const connecting = await challenged('late-connecting');
      await (await replace()).reported;
      connecting.send(auth(0x18, METHOD));
      await connecting.expect('20 03 00 88 00');
      await connecting.expectClosed();
      connected.send(auth(0x18, METHOD));
      await connected.expect('e0 01 83');
      await connected.expectClosed();
    });
  });
}
