import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { allow, ownServers, PASSWORD, type RedisServer, redisBroker } from './redis.test.support.js';

const FAST = { commandTimeoutMs: 300, heartbeatMs: 100 };

const own = ownServers();
const { started, administrator, codeOf } = own;

/** One address for a server, and later for another one. */
class Address {
  readonly #server = createServer((client) => this.#pass(client));
  readonly #sockets = new Set<Socket>();
  #target = 0;

  static async of({ port }: RedisServer): Promise<Address> {
    const address = new Address();
    address.#target = port;
    await new Promise<void>((resolve) => address.#server.listen(0, '127.0.0.1', resolve));
    after(() => {
      address.#server.close();
      address.#cut();
    });
    return address;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  moveTo({ port }: RedisServer): void {
    this.#target = port;
    this.#cut();
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #pass(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    for (const [from, into] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => into.destroy());
      from.on('close', () => into.destroy());
      from.pipe(into);
    }
  }
}

for (const protocol of ['3.1.1', '5.0'] as const) {
  test(`what a promoted replica says counts on live clients, also when the change that it lacks had the same number (${protocol})`, async () => {
    const primary = await started();
    const admin = administrator(primary);
    await admin.putUser('alice', { rules: [allow('a')] });
    await admin.putUser('bob', { rules: [allow('b')] });
    const replica = await started({ replicaOf: primary });
    await primary.command('WAIT', '1', '5000');
    const address = await Address.of(primary);
    own.broker = await redisBroker(address.port, FAST);
    const enter = async (username: string) => {
      assert.ok(own.broker !== null);
      const client = await own.broker.client({ protocol: username === 'bob' ? '5.0' : protocol });
      await client.connect({ username, password: PASSWORD });
      return client;
    };
    const alice = await enter('alice');
    const bob = await enter('bob');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    // The replica does not hear of these any more.
    const lost = await admin.putUser('alice', { rules: [allow('a'), allow('more')] });
    const lostOfBob = await admin.putUser('bob', { rules: [allow('b'), allow('more')] });
    const deadline = Date.now() + 5000;
    while ((await bob.publish('more', 'x', { qos: 1 })) !== 0) assert.ok(Date.now() < deadline, 'the change holds');
    const later = administrator(replica);
    assert.equal(await later.putUser('alice', { enabled: false }), lost);
    assert.equal(await later.putUser('bob', { rules: [allow('c')] }), lostOfBob);
    address.moveTo(replica);
    if (protocol === '5.0') await alice.expectExpelled(0x87);
    else await alice.expectClosed();
    while ((await bob.publish('c', 'x', { qos: 1 })) !== 0) assert.ok(Date.now() < deadline + 5000, 'the change holds');
    assert.equal(await bob.publish('more', 'x', { qos: 1 }), 0x87);
    assert.equal(await codeOf('alice'), 0x86);
  });
}
