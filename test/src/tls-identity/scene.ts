import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { connectPacket, refusal, Stage, type Version } from '../hooks/stage.js';
import { tlsOptions } from '../listeners/scene.js';
import { temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority, type CertificateFields, type Pair } from '../support/certificates.js';
import type { ConnectFields } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

export const PLUGIN = '@portcullis/plugin-tls-identity';
export const CARRIERS = ['mqtts', 'wss'] as const;
export type Carrier = (typeof CARRIERS)[number];
export const VERSIONS = ['3.1.1', '5.0'] as const satisfies readonly Version[];

export interface SceneOptions {
  /** Entries of `plugins.json` by name, besides `seer`, who stands in `authorize` of every chain and sees identities. */
  readonly plugins: Readonly<Record<string, object>>;
  /** The rest of each chain, by name; each gets a listener of its own for every carrier, `<chain>-mqtts` and `<chain>-wss`. */
  readonly chains: Readonly<Record<string, object>>;
  /** What listeners of chains do about certificates, by chain; the others ask for one and do not insist. */
  readonly asks?: Readonly<Record<string, 'none' | 'required'>>;
  /** Whether listeners have a list of revoked certificates, `devices.crl` in the folder. */
  readonly crl?: boolean;
  /** Files in the folder that `inFolder` names. */
  readonly files?: Readonly<Record<string, string>>;
}

let names = 0;

function newName(): string {
  names += 1;
  return `client-${names}`;
}

/** A broker process with listeners for TLS, an authority that they trust, and somebody who sees the identities that come of it. */
export class Scene {
  readonly stage: Stage;
  readonly authority: Authority;
  readonly folder: string;

  private constructor(stage: Stage, authority: Authority, folder: string) {
    this.stage = stage;
    this.authority = authority;
    this.folder = folder;
  }

  static async start(make: (folder: string) => SceneOptions): Promise<Scene> {
    const folder = temporaryFolder();
    const { plugins, chains, asks = {}, files = {}, crl = false } = make(folder);
    const authority = await Authority.create();
    const server = await authority.issue();
    writeFiles(folder, {
      'cert.pem': server.cert,
      'key.pem': server.key,
      'ca.pem': authority.pem,
      ...(crl && { 'devices.crl': await authority.list() }),
      ...files,
    });
    const own = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const tlsOf = (clientCertificate: string): object =>
      clientCertificate === 'none'
        ? own
        : { ...own, ca: join(folder, 'ca.pem'), clientCertificate, ...(crl && { crl: join(folder, 'devices.crl') }) };
    const listeners = Object.keys(chains).flatMap((chain) =>
      CARRIERS.map((carrier) => {
        const url = `${carrier}://127.0.0.1:0${carrier === 'wss' ? '/mqtt' : ''}`;
        return [`${chain}-${carrier}`, { url, chain, tls: tlsOf(asks[chain] ?? 'optional') }];
      }),
    );
    const stage = await Stage.start({
      actors: {
        seer: { taps: ['loadPolicy'] },
        ...Object.fromEntries(Object.entries(plugins).map(([name, entry]) => [name, { entry: { config: {}, ...entry } }])),
      },
      chains: Object.fromEntries(Object.entries(chains).map(([name, chain]) => [name, { authorize: ['seer'], ...chain }])),
      more: { listeners: Object.fromEntries(listeners), control: { socket: 'control.sock' } },
    });
    return new Scene(stage, authority, folder);
  }

  async stop(): Promise<void> {
    try {
      assert.equal(await this.stage.stop(), 0);
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  /** A certificate of a client, by the authority that the broker trusts. */
  device(...subject: NonNullable<CertificateFields['subject']>): Promise<Pair> {
    return this.authority.issue({ subject, names: [], usage: 'client' });
  }

  /** Puts a list of revoked certificates in the place of the one before, whole. */
  async revoke(...revoked: readonly Pair[]): Promise<void> {
    writeFiles(this.folder, { 'devices.crl.new': await this.authority.list({ revoked: revoked.map(({ cert }) => cert) }) });
    renameSync(join(this.folder, 'devices.crl.new'), join(this.folder, 'devices.crl'));
  }

  /** What a TLS session of this certificate may be resumed with. */
  async ticket(listener: string, pair: Pair, version: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
    const socket = this.socket(listener, pair, { minVersion: version, maxVersion: version });
    const given = once(socket, 'session') as Promise<[Buffer]>;
    const client = await WireClient.over(socket, 'secureConnect');
    client.send(connectPacket('3.1.1', { clientId: newName() }));
    await client.expect('20 02 00 00');
    const [session] = await given;
    client.close();
    return session;
  }

  socket(listener: string, pair: Pair | null, options: object = {}): TLSSocket {
    return connectTls(tlsOptions(this.stage.broker.port(listener), { ca: this.authority.pem, ...pair, ...options }));
  }

  /** A connection to `<chain>-<carrier>` that has said nothing yet; rejects when the handshake or the upgrade fails. */
  dial(listener: string, pair: Pair | null): Promise<WireClient> {
    if (!listener.endsWith('-wss')) return WireClient.over(this.socket(listener, pair), 'secureConnect');
    const createConnection = (): TLSSocket => this.socket(listener, pair);
    return WireClient.connectWebSocket(`wss://localhost:${this.stage.broker.port(listener)}/mqtt`, { createConnection });
  }

  /** Who a client is taken for; fails when it is refused. */
  async identity(listener: string, version: Version, pair: Pair | null, fields: Partial<ConnectFields> = {}): Promise<unknown> {
    const clientId = newName();
    const client = await this.login(listener, version, pair, { clientId, ...fields });
    client.close();
    return (await this.#seen(clientId))[0];
  }

  /** A client that was let in. */
  async login(listener: string, version: Version, pair: Pair | null, fields: Partial<ConnectFields> = {}): Promise<WireClient> {
    const [client, connack] = await this.#knock(listener, version, pair, fields);
    assert.match(connack, version === '5.0' ? /^20 .. 00 00/ : /^20 02 00 00$/, `${listener}, ${version}: refused`);
    return client;
  }

  /** A client that is refused as one with wrong credentials is, byte for byte, of whom no identity was made. */
  async refused(listener: string, version: Version, pair: Pair | null, fields: Partial<ConnectFields> = {}): Promise<void> {
    const clientId = newName();
    const [client, connack] = await this.#knock(listener, version, pair, { clientId, ...fields });
    assert.equal(connack, refusal(version, 4, 0x86), `${listener}, ${version}`);
    await client.expectClosed();
    assert.deepEqual(await this.#seen(clientId, false), []);
  }

  async #knock(listener: string, version: Version, pair: Pair | null, fields: Partial<ConnectFields>): Promise<readonly [WireClient, string]> {
    const client = await this.dial(listener, pair);
    client.send(connectPacket(version, { clientId: newName(), ...fields }));
    return [client, await client.readPacket('CONNACK')];
  }

  async #seen(clientId: string, there = true): Promise<readonly unknown[]> {
    const fits = ({ client }: { readonly client: { readonly id: string } }): boolean => client.id === clientId;
    if (there) await this.stage.heard('seer', 'loadPolicy', fits);
    const asked = (await this.stage.asked('seer', 'loadPolicy')).filter((request) => fits(request as never));
    return asked.map(({ identity }) => identity);
  }
}
