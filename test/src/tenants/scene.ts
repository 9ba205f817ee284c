import assert from 'node:assert/strict';
import { definePlugin, type PluginDefinition } from '@portcullis/sdk';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '@portcullis/testing';
import { type ConnectFields, connect5, connect311, publish, subscribe, unsubscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

export const VERSIONS = ['3.1.1', '5.0'] as const;
export type Version = (typeof VERSIONS)[number];

const ALL = ['publish', 'subscribe', 'receive'] as const;

/** Gives all rights, on topics that begin with `$` too, but for those below `secret/`, which nobody may receive. */
export const generous: PluginDefinition = definePlugin({
  name: 'generous',
  sdk: '^1.0.0',
  taps: ['loadPolicy'],
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.loadPolicy.tap((_request, give) =>
      give.policy({
        version: 1,
        rules: [
          { effect: 'allow', actions: ALL, pattern: '#', from: 'all' },
          { effect: 'allow', actions: ALL, pattern: '$own/#', from: 'own' },
          { effect: 'allow', actions: ['subscribe', 'receive'], pattern: '$SYS/#', from: 'sys' },
          { effect: 'deny', actions: ['receive'], pattern: 'from/acme/secret/#', from: 'secret' },
        ],
      }),
    );
  },
});

/** Lets in whoever knows the password, which is the plugin's name; tells of the tenant and the username that it was shown. */
export function doorman(name: string, seen: (string | null)[][] = []): PluginDefinition {
  return definePlugin({
    name,
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny'] },
    taps: ['authenticate'],
    config: { type: 'object', additionalProperties: false, properties: {} },
    start({ hooks }) {
      hooks.authenticate.tap(({ credentials, tenant }, decide) => {
        seen.push([tenant, credentials.username]);
        if (!credentials.equals(name)) return decide.deny('bad-credentials');
        return decide.allow({ identity: credentials.username === null ? { anonymous: true } : { username: credentials.username } });
      });
    },
  });
}

const URL = 'mqtt://127.0.0.1:0';

/** A broker with a listener for each of two tenants, and more as told. */
export function startTenants(
  tenants: Readonly<Record<string, object>> = { acme: {}, beta: {} },
  listeners: Readonly<Record<string, object>> = {},
  options: Partial<TestBrokerOptions> = {},
): Promise<TestBroker> {
  const own = Object.fromEntries(Object.keys(tenants).map((tenant) => [tenant, { url: URL, chain: 'default', tenant }]));
  const more = Object.fromEntries(Object.entries(listeners).map(([name, listener]) => [name, { url: URL, chain: 'default', ...listener }]));
  const { document = {}, ...rest } = options;
  return startTestBroker({ plugins: { generous }, ...rest, document: { ...document, listeners: { ...own, ...more }, tenants } });
}

/** One client of one version. */
export class Guest {
  readonly wire: WireClient;
  readonly version: Version;
  /** The CONNACK: session present and reason code. */
  connack: readonly [present: number, code: number] = [0, 0];

  /** Packets that came while something else was awaited. */
  readonly #inbox: Buffer[] = [];

  private constructor(wire: WireClient, version: Version) {
    this.wire = wire;
    this.version = version;
  }

  /** Connects and gives the answer, whatever it is. */
  static async knock(broker: TestBroker, listener: string, version: Version, fields: ConnectFields): Promise<Guest> {
    return Guest.over(await broker.wire(listener), version, fields);
  }

  static async over(wire: WireClient, version: Version, fields: ConnectFields): Promise<Guest> {
    const guest = new Guest(wire, version);
    wire.send(version === '5.0' ? connect5(fields) : connect311(fields));
    const bytes = Buffer.from((await wire.readPacket('a CONNACK')).replaceAll(' ', ''), 'hex');
    assert.equal(bytes[0], 0x20);
    guest.connack = [bytes[2] ?? 0, bytes[3] ?? 0];
    return guest;
  }

  static async join(broker: TestBroker, listener: string, version: Version, fields: ConnectFields): Promise<Guest> {
    const guest = await Guest.knock(broker, listener, version, fields);
    assert.equal(guest.connack[1], 0);
    return guest;
  }

  get #given(): { readonly properties?: string } {
    return this.version === '5.0' ? { properties: '' } : {};
  }

  async subscribe(...filters: readonly string[]): Promise<void> {
    this.wire.send(subscribe({ packetId: 9, filters: filters.map((filter) => [filter, 1] as const), ...this.#given }));
    const codes = filters.map(() => '01').join('');
    const body = `0009 ${this.version === '5.0' ? '00' : ''} ${codes}`;
    await this.wire.expect(`90 ${(body.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')} ${body}`);
  }

  async unsubscribe(filter: string): Promise<void> {
    this.wire.send(unsubscribe({ packetId: 8, filters: [filter], ...this.#given }));
    await this.wire.expect(this.version === '5.0' ? 'b0 04 0008 00 00' : 'b0 02 0008');
  }

  /** Publishes at QoS 1 and waits for the acknowledgement: whoever gets it has it on its way by then. Gives the reason code, 0 for 3.1.1. */
  async publish(topic: string, payload = '', retain = false): Promise<number> {
    this.wire.send(publish({ topic, payload, retain, qos: 1, packetId: 7, ...this.#given }));
    for (;;) {
      const packet = await this.#packet('a PUBACK');
      if (packet[0] !== 0x40) this.#inbox.push(packet);
      else return packet[4] ?? 0;
    }
  }

  /** Waits for exactly these messages at QoS 0 or 1, acknowledges them, and makes sure that there are no others. */
  async receives(...expected: readonly (readonly [topic: string, payload: string, retained?: boolean])[]): Promise<void> {
    const came: string[] = [];
    while (this.#inbox.length < expected.length) this.#inbox.push(await this.#packet('a PUBLISH'));
    for (const packet of this.#inbox.splice(0)) came.push(this.#message(packet));
    assert.deepEqual(came.sort(), expected.map(([topic, payload, retained = false]) => `${topic} ${payload}${retained ? ' retained' : ''}`).sort());
    await this.wire.silence();
  }

  async #packet(what: string): Promise<Buffer> {
    return Buffer.from((await this.wire.readPacket(what)).replaceAll(' ', ''), 'hex');
  }

  #message(bytes: Buffer): string {
    const first = bytes[0] as number;
    assert.equal(first >> 4, 3, `no PUBLISH: ${bytes.toString('hex')}`);
    const start = (bytes[1] as number) < 0x80 ? 2 : 3;
    const topicEnd = start + 2 + bytes.readUInt16BE(start);
    let at = topicEnd;
    if ((first & 6) !== 0) {
      this.wire.send(Buffer.from([0x40, 2, bytes[at] as number, bytes[at + 1] as number]));
      at += 2;
    }
    if (this.version === '5.0') at += 1 + (bytes[at] as number);
    return `${bytes.toString('utf8', start + 2, topicEnd)} ${bytes.toString('utf8', at)}${(first & 1) === 1 ? ' retained' : ''}`;
  }
}
