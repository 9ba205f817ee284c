import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { connect5, connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { portcullis } from './command.js';

const CANARY = 'canary-Zk8!vR2#';
const ACL = ['user ann', 'topic readwrite site/#', 'topic deny site/secret/#', 'user bob', 'topic read site/#', 'pattern write home/%c/#', ''].join(
  '\n',
);

interface Report {
  readonly ok: boolean;
  readonly outcome: string;
  readonly reached: boolean;
  readonly username: string | null;
  readonly client: string;
  readonly decidedBy: { readonly stage: string; readonly plugin: string | null; readonly rule: string | null };
  readonly stages: readonly { readonly stage: string; readonly outcome: string; readonly how: string; readonly detail: string }[];
  readonly codes: Readonly<Record<string, string>>;
  readonly rules: { readonly total: number; readonly deciding: { readonly from: string; readonly why: readonly string[] } | null } | null;
  readonly problems?: readonly { readonly message: string; readonly hint: string | null }[];
}

describe('an explanation of the running broker', () => {
  let broker: BrokerProcess;

  before(async () => {
    const files = standardFiles({ ann: CANARY, bob: 'bobs' }, ACL, { control: { socket: 'control.sock' }, log: { level: 'debug' } });
    broker = await BrokerProcess.start({ files });
  });

  after(() => broker.stop());

  /** What the command would send: the real one is slow to start, and tested below. */
  async function explain(request: Readonly<Record<string, unknown>>): Promise<Report> {
    const report = await ask({ command: 'explain', ...request });
    assert.equal(report.ok, true, JSON.stringify(report));
    return report;
  }

  async function login(clientId: string, username: string, password: string): Promise<WireClient> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect5({ clientId, username, password }));
    assert.match(await client.readPacket(), /^20 .. 00 00/);
    return client;
  }

  it('is about the session of a client that is connected, by the rights that it has', async () => {
    const client = await login('dev-1', 'ann', CANARY);
    const report = await explain({ client: 'dev-1', action: 'publish', topic: 'site/secret/x', qos: 1 });
    assert.deepEqual([report.username, report.outcome, report.reached, report.decidedBy.rule], ['ann', 'deny', true, 'acl:3']);
    assert.deepEqual(
      report.stages.map(({ stage, how }) => `${stage} ${how}`),
      ['session assumed', 'rules asked'],
    );
    client.send(publish({ topic: 'site/secret/x', qos: 1, packetId: 7, properties: '' }));
    await client.expect('40 03 00 07 87');
    assert.equal(report.codes['5.0'], 'PUBACK 0x87');
    client.close();
  });

  it('says of a receive whether the session has a subscription for it', async () => {
    const client = await login('dev-2', 'bob', 'bobs');
    const without = await explain({ client: 'dev-2', action: 'receive', topic: 'site/a' });
    assert.match(without.stages[0]?.detail ?? '', /none of its subscriptions matches/);
    client.send(subscribe({ packetId: 1, filters: [['site/#', 1]], properties: '' }));
    await client.expect('90 04 00 01 00 01');
    const report = await explain({ client: 'dev-2', action: 'receive', topic: 'site/a' });
    assert.match(report.stages[0]?.detail ?? '', /subscribed to "site\/#"/);
    assert.deepEqual([report.outcome, report.decidedBy.rule], ['allow', 'acl:5']);
    client.close();
  });

  it('says that a client identifier belongs to another user', async () => {
    const client = await login('mine', 'ann', CANARY);
    const report = await explain({ username: 'bob', client: 'mine', action: 'connect' });
    assert.deepEqual([report.outcome, report.decidedBy.stage, report.codes['3.1.1']], ['deny', 'session', 'CONNACK 2, then closed']);
    client.close();
  });

  it('makes no session, and ends none', async () => {
    const client = await login('stays', 'ann', CANARY);
    const before = await counters();
    for (const action of ['connect', 'publish', 'subscribe', 'receive']) {
      const question = { action, topic: 'site/a', qos: 1, retain: true };
      await explain({ ...question, username: 'ann', client: 'stays' });
      await explain({ ...question, username: 'ann', client: 'never-there' });
      await explain({ ...question, username: 'nobody' });
    }
    const after = await counters();
    for (const name of [
      'sessions',
      'clientsConnected',
      'subscriptions',
      'messagesReceived',
      'connectsAccepted',
      'connectsRefused',
      'publishesDenied',
    ]) {
      assert.ok(name in before, name);
      assert.equal(after[name], before[name], name);
    }
    client.send('c0 00');
    await client.expect('d0 00');
    client.close();
  });

  it('names a user that no authority knows, and does not ask for its rights', async () => {
    const report = await explain({ username: 'nobody', action: 'publish', topic: 'site/a' });
    assert.deepEqual([report.outcome, report.reached, report.rules], ['deny', false, null]);
    assert.equal(report.codes['5.0'], 'CONNACK 0x86, then closed');
  });

  it('by a password is what a login would be, and counts as one', async () => {
    const before = (await counters()).connectsRefused ?? 0;
    for (const [password, outcome] of [
      [`${CANARY}\n`, 'allow'],
      ['wrong', 'deny'],
    ] as const) {
      const ran = await portcullis(broker.folder, ['explain', '--json', '-u', 'ann', '--password-stdin', 'connect'], password);
      assert.equal((JSON.parse(ran.out) as Report).outcome, outcome);
      assert.equal(ran.status, outcome === 'allow' ? 0 : 1);
    }
    assert.equal((await counters()).connectsRefused, before + 1);
    await broker.waitForOutput(/client refused client=\S+ username=ann .*\(explain\)/);
  });

  it('shows a password nowhere: not in what is printed, logged or known of its process', async () => {
    for (const [password, ...args] of [
      [CANARY, 'publish', 'site/a'],
      [`${CANARY}x`, 'connect', '--json'],
      [CANARY, 'publish', 'not+valid'],
    ] as const) {
      const ran = await portcullis(broker.folder, ['explain', '-u', 'ann', '--password-stdin', ...args], password);
      assert.ok(ran.argv.includes('--password-stdin'));
      everywhere(`${ran.out}${ran.err}${ran.argv}`);
    }
    everywhere((await portcullis(broker.folder, ['status', '--json'])).out);
    everywhere(broker.output);
    assert.match(broker.output, /\(explain\)/);
  });

  function everywhere(text: string): void {
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64'), Buffer.from(CANARY).toString('hex'), encodeURIComponent(CANARY)]) {
      assert.ok(!text.includes(form), text);
    }
  }

  it('logs real refusals with the rule and its line, and nothing that a client could have written there', async () => {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect311({ clientId: 'ev\u0001il\u001b[31m', username: 'bob', password: 'bobs' }));
    assert.match(await client.readPacket(), /^20 02 00 0[0-5]/);
    client.close();
    const denied = await login('logged', 'ann', CANARY);
    const since = broker.output.length;
    denied.send(publish({ topic: 'site/secret/y', qos: 1, packetId: 1, properties: '' }));
    await denied.expect('40 03 00 01 87');
    const line = await broker.waitForOutput(/publish denied client=logged username=ann .*/, since);
    assert.match(line[0], /hook=authorize topic=site\/secret\/y plugin=rules rule=acl:3 .*code=0x87/);
    denied.close();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
    assert.doesNotMatch(broker.output.replaceAll('\n', ''), /[\u0000-\u001f\u007f]/);
  });

  it('refuses requests that are none, in one line', async () => {
    for (const [args, status, said] of [
      [['explain', 'connect'], 2, /needs --user, --client or --anonymous/],
      [['explain', '-u', 'ann', 'publish', 'a/#'], 4, /no valid topic name/],
      [['explain', '--socket', 'none.sock', '-u', 'ann', 'connect'], 3, /no broker runs with this control socket/],
    ] as const) {
      const ran = await portcullis(broker.folder, args);
      assert.deepEqual([ran.status, ran.out], [status, ''], args.join(' '));
      assert.match(ran.err, said);
      assert.equal(ran.err.trim().split('\n').length, 1);
    }
  });

  it('says what it lacks', async () => {
    for (const [request, said] of [
      [{ username: 'ann', action: 'subscribe', topic: 'a/#/b' }, /no valid topic filter/],
      [{ username: 'ann', action: 'publish', topic: 'a/'.repeat(200) }, /more levels than maxTopicLevels/],
      [{ username: 'ann', action: 'connect', listener: 'none' }, /no listener "none"/],
      [{ client: 'not-there', action: 'connect' }, /no user to explain/],
    ] as const) {
      const answer = await ask({ command: 'explain', ...request });
      assert.equal(answer.ok, false);
      assert.match(answer.problems?.[0]?.message ?? '', said);
    }
  });

  it('is not put off by requests that the command would not send', async () => {
    for (const request of [
      { action: 'reign' },
      { action: 'publish', topic: 7 },
      { action: 'publish', topic: 'x', qos: '1' },
      { action: 'connect', username: '' },
      { action: 'connect', username: ['ann'] },
      { action: 'connect', username: 'ann', groups: 'staff' },
      { action: 'connect', username: 'ann', attributes: { a: 1 } },
      { action: 'connect', username: 'ann', password: 'x', groups: [] },
      { action: 'connect', anonymous: true, username: 'ann' },
      { action: 'connect', username: '\ud800' },
    ]) {
      const answer = await ask({ command: 'explain', ...request });
      assert.equal(answer.ok, false, JSON.stringify(request));
      assert.match(answer.problems?.[0]?.message ?? '', /^the request to explain is not sound/);
    }
  });

  function ask(request: object): Promise<Report> {
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = connect({ path: join(broker.folder, 'control.sock') }, () => socket.write(`${JSON.stringify(request)}\n`));
      socket.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(JSON.parse(text) as Report));
    });
  }

  async function counters(): Promise<Record<string, number>> {
    const status = (await ask({ command: 'status' })) as unknown as { counters: Record<string, number> };
    return status.counters;
  }
});
