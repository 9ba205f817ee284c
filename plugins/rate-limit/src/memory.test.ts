import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ClientInfo } from '@portcullis/sdk';
import { Limiter } from './limiter.js';
import { makeTables } from './tables.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const COUNT = 1000;
const LONG = 60_000;

test('Names as long as MQTT allows take no more memory than short ones, and are told apart.', () => {
  const limiter = new Limiter(
    {
      connects: { perUser: { perSecond: 0.001, burst: 1 } },
      failedLogins: { free: 1, firstDelaySeconds: 60, maxDelaySeconds: 60, forgetSeconds: 600, atOnce: 1 },
      flapping: { connects: 1, withinSeconds: 1000, refuseSeconds: 1000 },
      messages: { perClient: { perSecond: 0.001, burst: 1 } },
    },
    makeTables(COUNT * 2),
  );
  let connections = 0;
  const all = (i: number): readonly (string | null)[] => {
    connections += 1;
    const name = `${'x'.repeat(LONG)}${i}`;
    const connection = { id: `k${i}`, listener: 'local', transport: 'tcp', address: '192.0.2.1', port: 1 } as const;
    const client: ClientInfo = { id: name, connection, protocol: '5.0', cleanStart: true, keepAliveSeconds: 0, sessionExpirySeconds: 0 };
    const identity = { username: name };
    const message = { topic: 't', payload: new Uint8Array(1), qos: 0, retain: false, properties: {} } as const;
    return [
      limiter.admitIdentity({ client, identity, tenant: null }, 0),
      limiter.admitClient({ client: { ...client, connection: { ...connection, id: `l${connections}` } }, username: name, tenant: null }, 0),
      limiter.guardPublish({ client, identity, tenant: null, message }, 0),
    ].map((refused) => refused?.limit ?? null);
  };
  const before = heapBytes();
  for (let i = 0; i < COUNT; i += 1) assert.deepEqual(all(i), [null, null, null]);
  const grown = heapBytes() - before;
  assert.ok(grown < COUNT * 5000, `${grown} bytes for ${COUNT} clients`);
  for (let i = 0; i < COUNT; i += 100) {
    const refused = all(i);
    assert.deepEqual(refused, ['refused.connectsPerUser', 'refused.loginsAtOnce', 'refused.messagesPerClient']);
  }
});
