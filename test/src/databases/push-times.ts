import { TestClient, WireClient } from '@portcullis/testing';
import type { BrokerProcess } from '../support/broker-process.js';
import type { Backend } from './backend.js';

/** How long changes took, in milliseconds each, from the moment in which they were sent to the database. */
export interface PushTimes {
  /** A user was disabled: until his connection was ended. */
  readonly ended: readonly number[];
  /** A user got a rule: until a PUBLISH that needs it was answered as allowed. */
  readonly permitted: readonly number[];
  /** For comparison: a PUBLISH and its answer, before each change. */
  readonly control: readonly number[];
}

const DISABLED = 0x87;

/** Changes one user after the other, in turn by what is changed, on a broker that has nothing else to do. */
export async function timePushes(backend: Backend, broker: BrokerProcess, password: string, changes: number): Promise<PushTimes> {
  const times: { [kind in keyof PushTimes]: number[] } = { ended: [], permitted: [], control: [] };
  await backend.addAll('push-', changes);
  const administrator = await backend.administrator();
  try {
    for (let number = 0; number < changes; number += 1) {
      const username = `push-${number}`;
      const client = new TestClient(await WireClient.connect(broker.port('local')), { protocol: '5.0' });
      await client.connect({ clientId: username, username, password });
      times.control.push(await timed(() => client.publish(`own/${username}/a`, 'x', { qos: 1 })));
      if (number % 2 === 0) {
        times.ended.push(await timed(() => Promise.all([administrator.revoke(username), client.expectExpelled(DISABLED)])));
      } else {
        times.permitted.push(
          await timed(() => Promise.all([administrator.permit(username, `new/${number}`), untilAllowed(client, `new/${number}`)])),
        );
        await client.disconnect();
      }
    }
  } finally {
    await administrator.close();
  }
  return times;
}

async function timed(does: () => Promise<unknown>): Promise<number> {
  const begunAt = performance.now();
  await does();
  return performance.now() - begunAt;
}

const GIVE_UP_MS = 10_000;

/** One PUBLISH after the other. */
async function untilAllowed(client: TestClient, topic: string): Promise<void> {
  const begunAt = performance.now();
  while ((await client.publish(topic, 'x', { qos: 1 })) === DISABLED)
    if (performance.now() - begunAt > GIVE_UP_MS) throw new Error(`${topic} was not allowed within ${GIVE_UP_MS} ms`);
}
