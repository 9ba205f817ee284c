import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, passwordLine, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect5, connect311, field, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ROOT } from './sdk-source.js';

const PAGE = readFileSync(join(ROOT, 'docs', 'coming-from.md'), 'utf8');

/** Blocks of code in a language. */
function blocks(language: string): readonly string[] {
  return [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, found]) => found === language).map(([, , code = '']) => code);
}

function pluginOf(name: string): string {
  const source = blocks('js').find((code) => code.includes(`name: '${name}'`));
  if (source === undefined) throw new Error(`docs/coming-from.md has no plugin ${name}`);
  return source;
}

const RUN = new Set<string>();

/** A broker with one plugin of the page, in these lists of its chain. */
async function start(name: string, lists: readonly string[], config: object, more: object = {}, env = {}): Promise<BrokerProcess> {
  const folder = temporaryFolder();
  const home = join(folder, 'plugin');
  mkdirSync(join(home, 'node_modules', '@portcullis'), { recursive: true });
  symlinkSync(join(ROOT, 'sdk'), join(home, 'node_modules', '@portcullis', 'sdk'));
  writeFiles(home, { 'package.json': { name, version: '1.0.0', type: 'module', exports: './index.js' }, 'index.js': pluginOf(name) });
  RUN.add(name);
  const document = {
    version: 1,
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: { ported: { use: './plugin', isolation: 'inProcess', config, ...more } },
    chains: { default: Object.fromEntries(lists.map((list) => [list, ['ported']])) },
  };
  return BrokerProcess.start({ folder, files: { 'plugins.json': document }, env });
}

async function knock(broker: BrokerProcess, fields: { clientId: string; username?: string; password?: string }): Promise<WireClient> {
  const client = await WireClient.connect(broker.port('local'));
  client.send(connect5(fields));
  return client;
}

async function login(broker: BrokerProcess, fields: { clientId: string; username?: string; password?: string }): Promise<WireClient> {
  const client = await knock(broker, fields);
  assert.match(await client.readPacket('CONNACK'), /^20 [0-9a-f]{2} 00 00/);
  return client;
}

const refused = (code: string): string => `20 03 00 ${code} 00`;

/** The code of the answer to a PUBLISH of QoS 1; `00` for success, whether somebody subscribes or not. */
async function published(client: WireClient, topic: string, fields: { payload?: string; retain?: boolean } = {}): Promise<string> {
  client.send(publish({ topic, qos: 1, packetId: 9, properties: '', ...fields }));
  const answer = (await client.readPacket('a PUBACK')).split(' ');
  assert.equal(answer[0], '40');
  return answer[4] === undefined || answer[4] === '10' ? '00' : answer[4];
}

async function subscribed(client: WireClient, filter: string, qos: 0 | 1 | 2 = 0): Promise<string> {
  client.send(subscribe({ packetId: 7, filters: [[filter, qos]], properties: '' }));
  return (await client.readPacket('a SUBACK')).slice(-2);
}

describe('the page for those who come from another broker', () => {
  let broker: BrokerProcess | null = null;

  after(async () => {
    await broker?.stop();
    assert.deepEqual(
      [...RUN].sort(),
      blocks('js')
        .map((code) => /name: '([^']+)'/.exec(code)?.[1])
        .sort(),
      'every plugin of the page was run',
    );
  });

  async function stop(): Promise<void> {
    const folder = broker?.folder ?? '';
    assert.equal(await broker?.stop(), 0);
    broker = null;
    rmSync(folder, { recursive: true, force: true });
  }

  describe('has a plugin like the HTTP backend of mosquitto-go-auth, which', () => {
    let server: Server;
    let isDown = false;
    const asked: Readonly<Record<string, unknown>>[] = [];

    before(async () => {
      server = createServer((request, response) => {
        let text = '';
        request.on('data', (part: Buffer) => {
          text += part.toString();
        });
        request.on('end', () => {
          const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
          asked.push({ path: request.url, ...body });
          response.writeHead(isDown ? 500 : statusFor(request.url ?? '', body)).end();
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      broker = await start('go-auth-http', ['authenticate', 'authorize'], { url: `http://127.0.0.1:${port}` });
    });

    after(async () => {
      server.closeAllConnections();
      server.close();
      await stop();
    });

    function statusFor(path: string, { username, password, topic, acc }: Readonly<Record<string, unknown>>): number {
      if (path === '/user') return username === 'ghost' ? 404 : password === 'right' ? 200 : 401;
      if (path === '/superuser') return username === 'root' ? 200 : 403;
      return (topic === 'in' && acc === 2) || (topic === 'out' && acc !== 2) ? 200 : 403;
    }

    it('lets in whom the backend knows, and refuses a wrong password like an unknown user', async () => {
      const client = await login(broker as BrokerProcess, { clientId: 'c', username: 'ann', password: 'right' });
      assert.deepEqual(asked[0], { path: '/user', username: 'ann', password: 'right', clientid: 'c' });
      assert.equal(await published(client, 'in'), '00');
      assert.equal(await published(client, 'out'), '87');
      assert.equal(await subscribed(client, 'out'), '00');
      assert.equal(await subscribed(client, 'in'), '87');
      client.send(publish({ topic: 'in', qos: 0, properties: '' }));
      await client.silence();
      const root = await login(broker as BrokerProcess, { clientId: 'r', username: 'root', password: 'right' });
      assert.equal(await published(root, 'out'), '00');
      // A copy for ann: the backend is asked with acc 1.
      await client.expect(publish({ topic: 'out', properties: '' }));
      assert.ok(asked.some(({ path, topic, acc }) => path === '/acl' && topic === 'out' && acc === 1));
      for (const [username, password] of [
        ['ann', 'wrong'],
        ['ghost', 'right'],
      ] as const) {
        const other = await knock(broker as BrokerProcess, { clientId: 'o', username, password });
        await other.expect(refused('86'));
      }
      for (const each of [client, root]) each.close();
    });

    it('refuses as unavailable while the backend is down, and does not acknowledge what it cannot judge', async () => {
      const client = await login(broker as BrokerProcess, { clientId: 'd', username: 'ann', password: 'right' });
      isDown = true;
      const other = await knock(broker as BrokerProcess, { clientId: 'e', username: 'ann', password: 'right' });
      await other.expect(refused('88'));
      client.send(publish({ topic: 'in', qos: 1, packetId: 3, properties: '' }));
      await client.expect('e0 01 83');
      await client.expectClosed();
      isDown = false;
      (await login(broker as BrokerProcess, { clientId: 'e', username: 'ann', password: 'right' })).close();
    });
  });

  it('turns the password file of mosquitto-go-auth into one that the broker reads', async () => {
    const folder = temporaryFolder();
    const salt = randomBytes(16);
    const digest = pbkdf2Sync('secret', salt, 1000, 64, 'sha512');
    writeFiles(folder, { 'go-auth/passwords': `ann:PBKDF2$sha512$1000$${salt.toString('base64')}$${digest.toString('base64')}\n`, 'data/empty': '' });
    const command = blocks('sh').find((code) => code.includes('PBKDF2')) ?? '';
    execFileSync('/bin/sh', ['-c', command], { cwd: folder });
    const files = {
      'plugins.json': {
        version: 1,
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
        plugins: { passwords: { use: '@portcullis/plugin-password-file', config: { file: 'data/passwords' } } },
        chains: { default: { authenticate: ['passwords'] } },
      },
    };
    broker = await BrokerProcess.start({ folder, files });
    (await login(broker, { clientId: 'c', username: 'ann', password: 'secret' })).close();
    await (await knock(broker, { clientId: 'c', username: 'ann', password: 'Secret' })).expect(refused('86'));
    await stop();
  });

  it('has a plugin like one of Mosquitto, which lets addresses in, refuses RETAIN and stamps messages', async () => {
    broker = await start('by-address', ['authenticate', 'authorize'], { addresses: ['127.0.0.1'] });
    const client = await login(broker, { clientId: 'c', username: 'ann' });
    assert.equal(await subscribed(client, 't'), '00');
    assert.equal(await published(client, 't', { retain: true, payload: 'kept' }), '87');
    client.send(publish({ topic: 't', payload: 'x', properties: '' }));
    const came = await client.readPacket('a PUBLISH');
    // Property 0x26, name and value with their lengths, then the payload.
    assert.match(came.replaceAll(' ', ''), new RegExp(`26${field('timestamp')}0018(?:[0-9a-f]{2}){24}78$`));
    await (await knock(broker, { clientId: 'd' })).expect(refused('86'));
    client.close();
    await stop();
    broker = await start('by-address', ['authenticate', 'authorize'], { addresses: ['192.0.2.1'] });
    await (await knock(broker, { clientId: 'c', username: 'ann' })).expect(refused('86'));
    await stop();
  });

  it('has a plugin like handlers of aedes, which judges and changes as they do', async () => {
    const config = { users: { matt: { $env: 'MATT' }, ann: { $env: 'ANN' } } };
    broker = await start('aedes-handlers', ['guards', 'authenticate', 'authorize'], config, {}, { MATT: 'first-secret', ANN: 'other-secret' });
    for (const [username, password] of [
      ['matt', 'other-secret'],
      ['constructor', 'first-secret'],
      ['nobody', ''],
    ] as const) {
      await (await knock(broker, { clientId: 'x', username, password })).expect(refused('86'));
    }
    const client = await login(broker, { clientId: 'staff', username: 'matt', password: 'first-secret' });
    const guest = await login(broker, { clientId: 'guest-1', username: 'ann', password: 'other-secret' });
    for (const topic of ['mask/me', 'not/for/guests']) {
      for (const each of [client, guest]) assert.equal(await subscribed(each, topic), '00');
    }
    assert.equal(await subscribed(client, 'staff/only'), '87');
    assert.equal(await subscribed(client, 'slow/t', 2), '00');
    assert.equal(await subscribed(client, 'fast/t', 2), '02');
    assert.equal(await published(client, 'staff/only'), '87');
    assert.equal(await published(client, 'any', { payload: 'x'.repeat(1025) }), '97');
    client.send(publish({ topic: 'mask/me', payload: 'name', properties: '' }));
    for (const each of [client, guest]) await each.expect(publish({ topic: 'mask/me', payload: '***', properties: '' }));
    client.send(publish({ topic: 'not/for/guests', payload: 'x', properties: '' }));
    await client.expect(publish({ topic: 'not/for/guests', payload: 'x', properties: '' }));
    await guest.silence();
    // A 3.x client is not told, as the specification provides.
    const old = await WireClient.connect(broker.port('local'));
    old.send(connect311({ clientId: 'old', username: 'matt', password: 'first-secret' }));
    await old.expect('20 02 00 00');
    old.send(publish({ topic: 'staff/only', qos: 1, packetId: 5 }));
    await old.expect('40 02 00 05');
    for (const each of [client, guest, old]) each.close();
    await stop();
  });

  it("has a plugin like an extension of HiveMQ's, with permissions and an interceptor", async () => {
    const hash = passwordLine('ann', 'right').trim().slice('ann:'.length);
    broker = await start('hive-extension', ['guards', 'authenticate', 'authorize'], { users: { ann: hash }, maxPayloadBytes: 8 });
    for (const [username, password] of [
      ['ann', 'wrong'],
      ['bob', 'right'],
      ['__proto__', 'right'],
    ] as const) {
      await (await knock(broker, { clientId: 'x', username, password })).expect(refused('86'));
    }
    const client = await login(broker, { clientId: 'c1', username: 'ann', password: 'right' });
    await broker.waitForOutput(/a client came .*client=c1.*user=ann/);
    assert.equal(await subscribed(client, 'clients/c1/#', 2), '02');
    assert.equal(await subscribed(client, 'clients/c2/#', 2), '87');
    assert.equal(await subscribed(client, 'news/#', 2), '01');
    assert.equal(await published(client, 'news/x'), '87');
    assert.equal(await published(client, 'clients/c1/x', { payload: 'nine byte' }), '97');
    client.send(publish({ topic: 'clients/c1/x', payload: '8 bytes.', properties: '' }));
    await client.expect(publish({ topic: 'clients/c1/x', payload: '8 bytes.', properties: `26 ${field('from')} ${field('c1')}` }));
    client.close();
    await stop();
  });

  it('shows a configuration that is one', () => {
    for (const block of blocks('json')) assert.doesNotThrow(() => JSON.parse(`{${block}}`), block);
  });
});
