import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectHex, connectionRig, DISCONNECT, publishHex } from './connection/connection.test.support.js';
import { type Asked, FAULT, rules, standingOf } from './gate/gate.test.support.js';
import { type GateClient, Tenancy } from './gate/index.js';
import { Rechecks } from './rechecks.js';

const LASTING = { clean: false, properties: '110000003c' };
const grant = (version: number, ...own: string[]) => [{ plugin: 'rules', grant: { version, rules: rules(...own) } }];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const everybody = (): boolean => true;

function scene() {
  const rig = connectionRig();
  const rechecks = new Rechecks(rig.room);
  const { hooks } = rig.standing;
  const loads = (): Asked[] => hooks.asked.filter(({ hook, request }) => hook === 'loadPolicy' && request.reason !== 'connect');
  const clientOf = (clientId: string): GateClient => {
    const session = rig.registry.find(null, clientId);
    assert.ok(session !== undefined);
    return session.client;
  };
  const may = (client: GateClient, topic: string): boolean => client.rules('publish', topic, 0, false) === 1;
  /** A client that has come and gone; its session waits. */
  const away = (clientId: string): GateClient => {
    const peer = rig.connect(5);
    peer.send(connectHex(5, clientId, LASTING));
    const client = clientOf(clientId);
    peer.send(DISCONNECT);
    return client;
  };
  const retained = (topic: string): number => rig.router.retained(rig.router.domain(null), topic).length;
  /** So many seconds, each with turns of the event loop. */
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i += 1) {
      rig.clock.advance(1000);
      await turn();
    }
  };
  return { ...rig, rechecks, hooks, loads, clientOf, may, away, retained, pass };
}

test('Of two loads for a client that is away the later one counts, whichever is answered first.', () => {
  for (const olderFirst of [false, true]) {
    const { rechecks, hooks, loads, may, away, stats } = scene();
    const client = away('c1');
    hooks.script.delete('loadPolicy');
    rechecks.invalidate(everybody, 'rules', null);
    const [first] = loads();
    let cancelled = false;
    // An answer that is on its way already comes all the same.
    const set = (): void => {
      cancelled = true;
    };
    if (first !== undefined) Object.defineProperty(first, 'cancelled', { get: () => false, set });
    rechecks.invalidate(everybody, 'rules', null);
    assert.equal(cancelled, true);
    if (olderFirst) first?.answer(grant(2, '+old'));
    loads()[1]?.answer(grant(3, '+new'));
    if (!olderFirst) first?.answer(grant(2, '+old'));
    assert.deepEqual([may(client, 'new'), may(client, 'old'), loads().length], [true, false, 2]);
    assert.deepEqual([stats.rechecksWaiting, stats.revocationsDone], [0, 2]);
  }
});

test('A will waits for the load that is out, and for another one if the rights change once more before it is answered.', async () => {
  const { rechecks, hooks, loads, may, away } = scene();
  const client = away('c1');
  hooks.script.delete('loadPolicy');
  client.owed = client.standing;
  const told: boolean[] = [];
  rechecks.confirm(client, (stands) => told.push(stands));
  assert.equal(loads().length, 1);
  rechecks.away.changed(everybody, () => {});
  loads()[0]?.answer(grant(1, '+old'));
  assert.deepEqual([told, loads().length], [[], 1]);
  await turn();
  assert.deepEqual([told, loads().length], [[], 2]);
  loads()[1]?.answer(grant(2, '+new'));
  assert.deepEqual([told, may(client, 'new'), may(client, 'old'), client.knownVersions.get('rules')], [[true], true, false, 2]);
  assert.equal(rechecks.away.judged(client), true);
});

test('Whether the identity behind a will still stands is asked with all that a lease asks with: what TLS has said, too.', () => {
  const { rechecks, hooks, clock, away } = scene();
  const client = away('c1');
  const tls = { protocol: 'TLSv1.3', serverName: 'x', certificate: null };
  Object.assign(client, { tls, leaseSeconds: 10 });
  hooks.tapped.add(`${client.authority} refreshIdentity`);
  clock.advance(11_000);
  rechecks.confirm(client, () => {});
  const asked = hooks.asked.filter(({ hook }) => hook === 'refreshIdentity').map(({ request }) => request);
  assert.deepEqual(asked, [{ client: client.info, identity: client.identity, tenant: null, tls, ageSeconds: 11 }]);
});

test('A change while code is asked about a will is noticed, also for a client that has no session any more.', () => {
  const { rechecks, connect, clientOf } = scene();
  const peer = connect(5);
  peer.send(connectHex(5, 'c1'));
  const client = clientOf('c1');
  peer.send(DISCONNECT);
  const told: boolean[] = [];
  rechecks.confirm(client, (stands) => told.push(stands));
  rechecks.invalidate(({ info }) => info.id === 'c2', 'rules', 5);
  assert.deepEqual([told, client.owed, client.announced], [[true], null, null]);
  rechecks.invalidate(everybody, 'rules', 5);
  assert.equal(rechecks.away.judged(client), false);
  assert.equal(client.announced?.get('rules'), 5);
  // Nobody looks out for it any more.
  client.owed = null;
  rechecks.invalidate(everybody, 'rules', 6);
  assert.equal(client.owed, null);
});

test('A client that leaves before a change has reached it is judged by the changed rights.', () => {
  const { rechecks, connect, clientOf, clock, hooks, loads } = scene();
  const ids = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
  const peers = ids.map((clientId) => {
    const peer = connect(5);
    peer.send(connectHex(5, clientId));
    return peer;
  });
  const client = clientOf('c6');
  hooks.script.delete('loadPolicy');
  const reached: string[] = [];
  const slowly = ({ info }: { readonly info: { readonly id: string } }): boolean => {
    reached.push(info.id);
    clock.advance(1);
    return true;
  };
  rechecks.invalidate(slowly, 'rules', 2);
  assert.equal(reached.includes('c6'), false);
  peers[5]?.send(DISCONNECT);
  rechecks.confirm(client, () => {});
  assert.deepEqual(
    loads().filter(({ request }) => (request.client as { id: string }).id === 'c6').length,
    1,
    'its rights are asked for before its will is judged',
  );
  assert.equal(client.announced?.get('rules'), 2);
});

test('A client whose authority is gone with the configuration before has no will, also when its rights were just being confirmed.', async () => {
  const { rechecks, hooks, loads, away, gate } = scene();
  const client = away('c1');
  hooks.script.delete('loadPolicy');
  client.owed = client.standing;
  const told: boolean[] = [];
  rechecks.confirm(client, (stands) => told.push(stands));
  const next = { ...standingOf({ authenticate: ['others'] }), generation: 2 };
  gate.stand(new Map([['default', next]]), next.global, gate.sessionRules);
  next.hooks.script.set('loadPolicy', grant(1, '+#'));
  rechecks.newGeneration(new Map([['local', 'default']]), new Tenancy());
  loads()[0]?.answer(grant(1, '+#'));
  await turn();
  assert.deepEqual(told, [false]);
});

test('What was announced by the plugins of the configuration before says nothing about those of the next.', () => {
  const { rechecks, away, gate } = scene();
  const client = away('c1');
  client.announce('rules', 100);
  const next = { ...standingOf(), generation: 2 };
  gate.stand(new Map([['default', next]]), next.global, gate.sessionRules);
  next.hooks.script.set('loadPolicy', grant(1, '+next'));
  rechecks.newGeneration(new Map([['local', 'default']]), new Tenancy());
  assert.deepEqual([client.standing, client.owed, client.announced], [next, null, null]);
});

test('Retained messages of a publisher that is gone while its rights are loaded are judged by them all the same.', () => {
  for (const properties of [{}, LASTING]) {
    const { rechecks, connect, hooks, loads, retained, stats } = scene();
    const peer = connect(5);
    peer.send(connectHex(5, 'c1', properties), publishHex(5, 'kept', 'x', { retain: true }));
    hooks.script.delete('loadPolicy');
    rechecks.invalidate(everybody, 'rules', null);
    peer.send(DISCONNECT);
    assert.deepEqual([loads().length, retained('kept')], [2, 1]);
    loads()[1]?.answer(grant(2, '+else'));
    assert.deepEqual([retained('kept'), stats.retainedWithdrawn], [0, 1]);
  }
});

test('Retained messages of a publisher whose rights cannot be loaded are handed to nobody until they are: the source is asked again.', async () => {
  for (const when of ['gone', 'away', 'connected'] as const) {
    const { rechecks, connect, hooks, loads, retained, pass, stats } = scene();
    const peer = connect(5);
    peer.send(connectHex(5, 'c1', when === 'gone' ? {} : LASTING), publishHex(5, 'kept', 'x', { retain: true }));
    if (when !== 'connected') peer.send(DISCONNECT);
    hooks.script.delete('loadPolicy');
    rechecks.invalidate(everybody, 'rules', null);
    loads()[0]?.answer(FAULT);
    // With its connection its load has ended, too.
    if (when === 'connected') loads()[1]?.answer(FAULT);
    assert.equal(retained('kept'), 0, when);
    // Not even where the rules of all have changed.
    rechecks.rulesChanged('rules', true);
    assert.equal(retained('kept'), 0, when);
    hooks.script.set('loadPolicy', FAULT);
    await pass(60);
    const tries = loads().length;
    assert.ok(tries > 5 && tries < 15, `${when}: asked ${tries} times`);
    hooks.script.set('loadPolicy', grant(2, '+kept'));
    await pass(30);
    assert.deepEqual([retained('kept'), stats.retainedWithdrawn], [1, 0], when);
    await pass(60);
    assert.equal(loads().length, tries + 1, `${when}: when all is well nobody is asked`);
  }
});

test('A publisher that is served by what it had, within the grace of its chain, has its retained messages handed out, too.', () => {
  const { rechecks, connect, hooks, loads, retained, standing } = scene();
  Object.assign(standing.chain, { staleGraceMs: 10_000 });
  const peer = connect(5);
  peer.send(connectHex(5, 'c1', LASTING), publishHex(5, 'kept', 'x', { retain: true }));
  hooks.script.delete('loadPolicy');
  rechecks.invalidate(everybody, 'rules', null);
  loads()[0]?.answer(FAULT);
  assert.equal(retained('kept'), 1);
  peer.send(DISCONNECT);
  assert.equal(retained('kept'), 0);
});

test('Retained messages of a client that is barred stay, as long as its rights do.', () => {
  const { rechecks, connect, clientOf, hooks, retained } = scene();
  const peer = connect(5);
  peer.send(connectHex(5, 'c1', LASTING), publishHex(5, 'kept', 'x', { retain: true }));
  clientOf('c1').barred = true;
  peer.send(DISCONNECT);
  hooks.script.set('loadPolicy', grant(2, '+kept'));
  rechecks.invalidate(everybody, 'rules', null);
  assert.equal(retained('kept'), 1);
  hooks.script.set('loadPolicy', grant(3, '+else'));
  rechecks.invalidate(everybody, 'rules', null);
  assert.equal(retained('kept'), 0);
});

test('A source that says each time that its rights have changed does not hold up everybody else.', async () => {
  const { rechecks, away, hooks, loads } = scene();
  const client = away('c1');
  client.owed = client.standing;
  let asked = 0;
  const { loadPolicy } = hooks;
  hooks.loadPolicy = (...question) => {
    asked += 1;
    if (asked < 1000) rechecks.away.changed(everybody, () => {});
    return loadPolicy.apply(hooks, question);
  };
  const told: boolean[] = [];
  rechecks.confirm(client, (stands) => told.push(stands));
  for (let i = 0; i < 20; i += 1) await turn();
  assert.deepEqual([told, asked < 100], [[], true]);
  asked = 1000;
  await turn();
  await turn();
  assert.deepEqual([told, loads().length < 100], [[true], true]);
});

test('Rules that nobody is bound to are told to those who listen, and nobody is judged again for them.', () => {
  const { rechecks, away, standing, stats } = scene();
  standing.global.tapped.add('policyChanged');
  away('c1');
  const told = (): unknown[] => standing.global.told.filter(({ hook }) => hook === 'policyChanged').map(({ news }) => [news.plugin, news.clients]);
  const before = stats.revocationsDone;
  rechecks.rulesChanged('rules', false);
  assert.deepEqual([told(), stats.revocationsDone], [[['rules', 0]], before]);
  rechecks.rulesChanged('rules', true);
  assert.deepEqual([told().length, stats.revocationsDone], [2, before + 1]);
});
