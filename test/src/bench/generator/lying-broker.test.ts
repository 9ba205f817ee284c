import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { localhostCertificate } from '../certificate.js';
import { FakeBroker, type FakeOptions, type Treatment } from '../fake-broker.test.support.js';
import type { ConnectLoad, Job, Load, PubSubLoad } from '../load.js';
import { runJob } from './run-job.js';
import { type Counts, isBad } from './verdict.js';

/** One publisher, one subscriber, twenty messages at most under way. */
const PAIR: PubSubLoad = {
  kind: 'pubsub',
  publishers: 1,
  subscribers: 1,
  pattern: 'pairs',
  filter: 'exact',
  topicsPerPublisher: 1,
  qos: 0,
  payloadBytes: 64,
  window: 20,
  batch: 1,
  inflight: 20,
  ratePerSecond: null,
  monitors: 0,
  filters: 0,
  idleConnections: 0,
  idleSubscriptions: 0,
};

async function verdictOn(options: FakeOptions, load: Load = PAIR, certificate: string | null = null): Promise<Counts> {
  const broker = await FakeBroker.start(options);
  const job: Job = {
    load,
    target: { port: broker.port, transport: certificate === null ? 'tcp' : 'tls', certificate },
    logins: [],
    brokerPid: null,
    warmupSeconds: 0,
    seconds: 0.1,
    deadlineSeconds: 20,
  };
  try {
    return (await runJob(job)).counts;
  } finally {
    await broker.stop();
  }
}

/** Does something to the tenth message only. */
const tenth =
  (what: (bytes: Buffer) => readonly Buffer[]): Treatment =>
  ({ bytes, count }) =>
    count === 10 ? what(bytes) : [bytes];

const edited = (edit: (bytes: Buffer) => void): Treatment =>
  tenth((bytes) => {
    edit(bytes);
    return [bytes];
  });

/** Where things stand in a PUBLISH of QoS 0 to "bench/0/0" with 64 bytes. */
const TOPIC_END = 2 + 2 + 'bench/0/0'.length;

const only = (counts: Counts): Partial<Counts> =>
  Object.fromEntries(Object.entries(counts).filter(([name, value]) => name !== 'reasons' && value !== 0));

describe('the generator', () => {
  it('finds nothing wrong with a broker that is honest', async () => {
    assert.deepEqual(only(await verdictOn({})), {});
  });

  it('finds nothing wrong with one over TLS', async () => {
    const { certificate, key } = localhostCertificate();
    assert.deepEqual(only(await verdictOn({ tls: { cert: certificate, key } }, PAIR, certificate)), {});
  });

  it('does not trust a broker with another certificate', async () => {
    const { certificate, key } = localhostCertificate();
    const counts = await verdictOn({ tls: { cert: certificate, key } }, PAIR, localhostCertificate().certificate);
    assert.equal(counts.failed > 0, true);
  });

  it('notices one message that is lost', async () => {
    assert.deepEqual(only(await verdictOn({ treatment: tenth(() => []) })), { lost: 1 });
  });

  it('notices one message that comes twice', async () => {
    assert.deepEqual(only(await verdictOn({ treatment: tenth((bytes) => [bytes, bytes]) })), { duplicates: 1 });
  });

  it('notices two messages that change places', async () => {
    let held: Buffer = Buffer.alloc(0);
    const treatment: Treatment = ({ bytes, count }) => {
      if (count === 10) held = bytes;
      return count === 10 ? [] : count === 11 ? [bytes, held] : [bytes];
    };
    assert.deepEqual(only(await verdictOn({ treatment })), { reordered: 1 });
  });

  it('notices a message under another topic', async () => {
    assert.deepEqual(only(await verdictOn({ treatment: edited((bytes) => bytes.write('9', TOPIC_END - 1)) })), { altered: 1 });
  });

  it('notices a message that calls itself retained', async () => {
    assert.deepEqual(only(await verdictOn({ treatment: edited((bytes) => bytes.writeUInt8(0x31, 0)) })), { altered: 1 });
  });

  it('notices a payload that was cut', async () => {
    const cut = (bytes: Buffer): Buffer[] => {
      const short = Buffer.from(bytes.subarray(0, -1));
      short.writeUInt8((bytes[1] ?? 0) - 1, 1);
      return [short];
    };
    assert.deepEqual(only(await verdictOn({ treatment: tenth(cut) })), { altered: 1 });
  });

  it('counts a message of another run as altered, and its own as lost', async () => {
    const treatment = edited((bytes) => bytes.writeUInt32LE((bytes.readUInt32LE(TOPIC_END + 12) ^ 1) >>> 0, TOPIC_END + 12));
    assert.deepEqual(only(await verdictOn({ treatment })), { altered: 1, lost: 1 });
  });

  it('notices messages at a subscriber who did not ask for them', async () => {
    // The fake sends every message to both subscribers.
    const counts = await verdictOn({}, { ...PAIR, publishers: 2, subscribers: 2 });
    assert.ok(counts.misrouted > 0);
    assert.equal(counts.lost, 0);
  });

  it('notices a broker that never acknowledges, and does not wait for it', async () => {
    const counts = await verdictOn({}, { ...PAIR, qos: 1 });
    assert.ok(counts.failed > 0 && counts.reasons.some((reason) => /not acknowledged/.test(reason)), JSON.stringify(counts));
  });

  it('notices a refused CONNECT, a refused subscription and a connection that ends', async () => {
    const connect: ConnectLoad = { kind: 'connect', clients: 3, cycles: 1 };
    for (const [options, load, reason] of [
      [{ connackCode: 5 }, PAIR, /refused CONNECT with code 5/],
      [{ connackCode: 4 }, connect, /refused CONNECT with code 4/],
      [{ subackCode: 0x80 }, PAIR, /answered with code 128 in place of 0/],
      [{ hangUpAt: 10 }, PAIR, /closed the connection|ECONNRESET|EPIPE/],
    ] as const) {
      const counts = await verdictOn(options, load);
      assert.ok(isBad(counts));
      assert.match(counts.reasons.join(), reason);
    }
  });

  it('does not hang when nobody listens', async () => {
    const broker = await FakeBroker.start();
    const { port } = broker;
    await broker.stop();
    const job: Job = {
      load: PAIR,
      target: { port, transport: 'tcp', certificate: null },
      logins: [],
      brokerPid: null,
      warmupSeconds: 0,
      seconds: 0.1,
      deadlineSeconds: 20,
    };
    const { counts, measurements } = await runJob(job);
    assert.match(counts.reasons.join(), /ECONNREFUSED/);
    assert.deepEqual(measurements, []);
  });
});
