import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Behaviour } from '../hooks/actor.js';
import { Stage } from '../hooks/stage.js';
import { LOGIN, startWith, tlsClient } from '../listeners/scene.js';
import { writeFiles } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { connect5, publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import { PLUGIN, Scene } from '../tls-identity/scene.js';
import { ROOT } from './sdk-source.js';

const SHORT_LEASE: Behaviour = ['allow', { identity: { username: '$username' }, leaseSeconds: 0.05 }];
/** Four seconds. */
const CERTIFICATE_DAYS = 4 / 86_400;
const USUAL: Behaviour = ['allow', { identity: { username: '$username' } }];

/** A client with a certificate of this authority is connected when another list is put in force. */
async function withCertificate(authority: Authority, next: (pem: string) => Promise<string>, code: number): Promise<void> {
  const pair = await authority.issue();
  const tls = { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', crl: 'ca.crl', clientCertificate: 'required' };
  const files = { 'cert.pem': pair.cert, 'key.pem': pair.key, 'ca.pem': authority.pem, 'ca.crl': await authority.list() };
  const broker = await startWith({ tls: { url: 'mqtts://127.0.0.1:0', tls } }, files);
  const client = await tlsClient(broker.port('tls'), { ca: authority.pem, ...pair });
  client.send(connect5(LOGIN));
  assert.match(await client.readPacket(), /^20 .. 00 00/);
  writeFiles(broker.folder, { 'ca.crl': await next(pair.cert) });
  await client.expect(`e0 01 ${code.toString(16)}`);
  await client.expectClosed();
  assert.equal(await broker.stop(), 0);
}

/** The rows of the page about how accepted connections end. */
function rows(): readonly (readonly [why: string, code: string])[] {
  const page = readFileSync(join(ROOT, 'docs', 'refusals.md'), 'utf8');
  const table = page.slice(page.indexOf('| why | DISCONNECT 5.0 |')).split('\n\n')[0] ?? '';
  return table
    .split('\n')
    .slice(2)
    .map((line) => {
      const [, why = '', code = ''] = line.split('|').map((cell) => cell.trim());
      return [why, code];
    });
}

describe('the page about refusals says how an accepted connection ends:', () => {
  let stage: Stage;
  let count = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'refreshIdentity', 'loadPolicy', 'authorize'] },
        brief: { taps: ['authenticate', 'loadPolicy'] },
      },
      chains: {
        main: { authenticate: ['mind', 'brief'], authorize: ['mind'] },
        brief: { authenticate: ['brief', 'mind'], authorize: ['brief'] },
        gone: { authenticate: ['mind'], authorize: ['mind'] },
        cut: { authenticate: ['brief'], authorize: ['brief'], onRevoked: 'disconnect' },
      },
      more: { limits: { maxWaitMs: 1000 } },
    });
  });

  after(() => stage.stop());

  function login(chain = 'main'): Promise<WireClient> {
    count += 1;
    return stage.login('5.0', { clientId: `c${count}` }, chain);
  }

  async function subscriber(chain: string): Promise<WireClient> {
    const client = await login(chain);
    client.send(subscribe({ packetId: 1, filters: [['t', 0]], properties: '' }));
    await client.expect('90 04 00 01 00 00');
    return client;
  }

  async function ended(client: WireClient, code: number): Promise<void> {
    await client.expect(`e0 01 ${code.toString(16)}`);
    await client.expectClosed();
  }

  /** Puts another configuration in force. */
  async function reload(
    change: (document: {
      listeners: Record<string, object>;
      chains: Record<string, { authenticate: string[] }>;
      tenants?: Record<string, object>;
    }) => void,
  ): Promise<void> {
    const document = JSON.parse(readFileSync(join(stage.broker.folder, 'plugins.json'), 'utf8'));
    change(document);
    writeFiles(stage.broker.folder, { 'plugins.json': document });
    const since = stage.broker.output.length;
    stage.broker.signal('SIGHUP');
    await stage.broker.waitForOutput(/reloaded the configuration/, since);
  }

  /** By what the page says; the code that must come, in the order of the page. */
  const scenes: Readonly<Record<string, (code: number) => Promise<void>>> = {
    "the identity's lease ended, and its plugin denies": async () => {
      await stage.script('mind', { authenticate: SHORT_LEASE, refreshIdentity: ['deny', 'rate'] });
      await ended(await login(), 0x96);
    },
    "the identity's lease ended, and its plugin does not tap `refreshIdentity`": async (code) => {
      await stage.script('brief', { authenticate: SHORT_LEASE });
      await ended(await login('brief'), code);
    },
    'the identity could not be confirmed, or the rights not be loaded again, for `staleGraceMs`, which is 0 unless configured': async (code) => {
      await stage.script('mind', { authenticate: SHORT_LEASE, refreshIdentity: ['throw'] });
      await ended(await login(), code);
      await stage.script('mind', {});
      const client = await login();
      await stage.script('mind', { loadPolicy: ['throw'] });
      await stage.call('mind', 'policy.invalidate', 'all');
      await ended(client, code);
    },
    'the certificate is over with which the client came': async (code) => {
      const scene = await Scene.start(() => ({
        plugins: { certs: { use: PLUGIN, isolation: 'inProcess' } },
        chains: { main: { authenticate: ['certs'] } },
      }));
      try {
        const brief = await scene.authority.issue({ subject: [['CN', 'brief']], names: [], usage: 'client', days: CERTIFICATE_DAYS });
        await ended(await scene.login('main-mqtts', '5.0', brief), code);
      } finally {
        await scene.stop();
      }
    },
    'a subscription lost its right, where `onRevoked` is `"disconnect"`': async (code) => {
      const client = await subscriber('cut');
      await stage.script('brief', { loadPolicy: ['policy', { version: 2, rules: [] }] });
      await stage.call('brief', 'policy.invalidate', 'all');
      await ended(client, code);
      await stage.script('brief', {});
    },
    'code could not say for `staleGraceMs` whether a subscription stands': async (code) => {
      await stage.script('mind', {});
      const client = await subscriber('main');
      await stage.script('mind', { authorize: ['throw'] });
      await stage.call('mind', 'policy.invalidate', 'all');
      await ended(client, code);
    },
    'a plugin disconnected it': async () => {
      await stage.script('mind', {});
      for (const [given, code] of [
        [undefined, 0x98],
        [0x9c, 0x9c],
      ] as const) {
        const client = await login();
        await stage.call('mind', 'sessions.disconnect', { clientId: `c${count}` }, ...(given === undefined ? [] : [given]));
        await ended(client, code);
      }
    },
    'a newer connection with its client identifier was accepted': async (code) => {
      const client = await login();
      const newer = await stage.login('5.0', { clientId: `c${count}` });
      await ended(client, code);
      newer.close();
    },
    'a packet waited for answers of plugins for `maxWaitMs`': async (code) => {
      await stage.script('mind', { authorize: ['hang'] });
      const client = await login();
      client.send(publish({ topic: 't', qos: 1, properties: '' }));
      await ended(client, code);
    },
    'after a reload, the plugin that let it in no longer stands under `authenticate` of its chain': async (code) => {
      await stage.script('brief', { authenticate: USUAL });
      const client = await login('brief');
      await reload(({ chains }) => {
        chains.brief = { ...chains.brief, authenticate: ['mind'] };
      });
      await ended(client, code);
    },
    'after a reload, its chain is gone': async (code) => {
      await stage.script('mind', {});
      const client = await login('gone');
      await reload(({ listeners, chains }) => {
        delete listeners.gone;
        delete chains.gone;
      });
      await ended(client, code);
    },
    'after a reload, its tenant is gone, or no longer admitted on its listener': async (code) => {
      await stage.script('mind', {});
      for (const next of [{ other: {} }, { acme: { listeners: ['main'] } }]) {
        await reload((document) => {
          document.tenants = { acme: {} };
          document.listeners.brief = { ...document.listeners.brief, tenant: 'acme' };
        });
        const client = await login('brief');
        await reload((document) => {
          document.tenants = next;
          document.listeners.brief = { ...document.listeners.brief, tenant: undefined };
        });
        await ended(client, code);
      }
    },
    'the certificate of its client, or an authority above it, was revoked': async (code) => {
      const authority = await Authority.create();
      await withCertificate(authority, (pem) => authority.list({ revoked: [pem] }), code);
    },
    'no revocation list in force has covered the certificate of its client for `staleGraceMs`': async (code) => {
      const authority = await Authority.create();
      await withCertificate(authority, () => authority.list({ from: -60, until: -30 }), code);
    },
    'the broker stops': async (code) => {
      const client = await login();
      stage.broker.signal('SIGTERM');
      await ended(client, code);
    },
  };

  it('each way has a scene here, and each scene a row there', () => {
    assert.deepEqual(
      rows()
        .map(([why]) => why)
        .sort(),
      Object.keys(scenes).sort(),
    );
  });

  // In the order of the scenes: the last ones change the configuration, and stop the broker.
  for (const [why, scene] of Object.entries(scenes)) {
    it(why, async () => {
      const code = rows().find(([row]) => row === why)?.[1] ?? '';
      if (code.startsWith('0x')) await scene(Number(code));
      else {
        assert.match(code, /^the code (?:of the reason|it gave, or 0x98)$/);
        await scene(0);
      }
    });
  }
});
