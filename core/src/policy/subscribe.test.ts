import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bound, rule, rules } from './policy.test.support.js';

const coverage = (own: readonly string[], filter: string, combine: 'deny-overrides' | 'first-match' = 'deny-overrides'): string =>
  bound(rules(...own), { username: 'u' }, combine).subscribe(filter, -1).coverage;

test('a filter is all allowed only if allows take all of it and no deny takes any', () => {
  assert.equal(coverage(['+a/#'], 'a/+/b'), 'all');
  assert.equal(coverage(['+a/#'], '#'), 'partial');
  assert.equal(coverage(['+a/#'], 'b/#'), 'none');
  assert.equal(coverage(['+a/#', '-a/secret'], 'a/+'), 'partial');
  assert.equal(coverage(['+a/#', '-a/secret'], 'a/x'), 'all');
  assert.equal(coverage(['+a/#', '-a/secret'], 'a/secret'), 'denied');
  assert.equal(coverage(['+a', '+a/+', '+a/+/+/#'], 'a/#'), 'all');
  assert.equal(coverage(['+a', '+a/b', '+a/+/+/#'], 'a/#'), 'partial');
  assert.equal(coverage(['-a', '-a/+/#', '+#'], 'a/#'), 'denied');
  assert.equal(coverage(['+home/%u/#'], 'home/u/+'), 'all');
  assert.equal(coverage(['+home/%u/#'], 'home/+/x'), 'partial');
});

test('$ topics belong to a filter only if it begins with them', () => {
  assert.equal(coverage(['+#', '-$SYS/#'], '#'), 'all');
  assert.equal(coverage(['+#'], '$SYS/x'), 'none');
  assert.equal(coverage(['-#', '+$SYS/#'], '$SYS/x'), 'denied');
  assert.equal(coverage(['+$SYS/#'], '+/x'), 'none');
});

test('the empty topic name, which there is not, makes no difference', () => {
  assert.equal(coverage(['+/+/#'], '/#'), 'all');
  assert.equal(coverage(['+#', '-/#'], '+'), 'all');
  assert.equal(coverage(['+/#', '-+'], '/#'), 'all');
});

test('the first match decides, and what is not certain is partial', () => {
  const first = (own: readonly string[], filter: string): string => coverage(own, filter, 'first-match');
  assert.equal(first(['+a/#', '-a/secret'], 'a/+'), 'all');
  assert.equal(first(['-a/secret', '+a/#'], 'a/+'), 'partial');
  assert.equal(first(['-a/#', '+a/#'], 'a/+'), 'denied');
  assert.equal(first(['+a/x', '-a/#', '+a/#'], 'a/+'), 'partial');
  assert.equal(first(['-a/x'], 'a/+'), 'none');
  assert.equal(first(['+b'], 'a/+'), 'none');
});

test('a deny that takes a part is told even if no allow is touched', () => {
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    const client = bound(rules('-a/x', '+b'), {}, combine);
    assert.deepEqual(client.subscribe('a/+', -1), { coverage: 'none', maxQos: 0, deniesPart: true });
    assert.deepEqual(client.lastRule, { plugin: 'own', from: 'test -a/x', effect: 'deny' });
    assert.deepEqual(client.subscribe('c', -1), { coverage: 'none', maxQos: 0, deniesPart: false });
    assert.equal(client.lastRule, null);
  }
});

test('the QoS is that of the widest rule that takes all, else the lowest of those that touch', () => {
  const low = rule('+a/#', { maxQos: 0 });
  const high = rule('+a/b', { maxQos: 1 });
  assert.equal(bound([low, high]).subscribe('a/b', -1).maxQos, 1);
  assert.equal(bound([low, high]).subscribe('a/+', -1).maxQos, 0);
  assert.equal(bound([high, rule('+a/c')]).subscribe('a/#', -1).maxQos, 1);
  assert.equal(bound([rule('+a', { maxQos: 0 }), rule('+a/+/#')]).subscribe('a/#', -1).maxQos, 0, 'together they take all, none does alone');
  assert.equal(bound([rule('+a/#')]).subscribe('a/b', -1).maxQos, 2);
  assert.equal(bound([low, high], {}, 'first-match').subscribe('a/b', -1).maxQos, 0);
  assert.equal(bound([high, low], {}, 'first-match').subscribe('a/b', -1).maxQos, 1);
  assert.equal(bound([high, low], {}, 'first-match').subscribe('a/+', -1).maxQos, 0);
});

test('the deciding rule of a subscription is told', () => {
  const client = bound(rules('+a/#', '-b/#', '+b/c', '-a/x'));
  client.subscribe('a/y', -1);
  assert.equal(client.lastRule?.from, 'test +a/#');
  client.subscribe('b/c', -1);
  assert.equal(client.lastRule?.from, 'test -b/#');
  client.subscribe('a/+', -1);
  assert.equal(client.lastRule?.from, 'test -a/x');
});

test('a filter is proven by receive rules alone, without any deny', () => {
  const receive = { actions: ['receive'] } as const;
  assert.equal(bound([rule('+a/#', receive)]).proven('a/+'), true);
  assert.equal(bound([rule('+a/#', { actions: ['subscribe', 'publish'] })]).proven('a/+'), false);
  assert.equal(bound([rule('+a/#', receive), rule('-a/b', receive)]).proven('a/+'), false);
  assert.equal(bound([rule('+a/#', receive), rule('-a/b', receive)]).proven('a/c'), true);
  assert.equal(bound([rule('+a/#', receive), rule('-a/b', { actions: ['subscribe'] })]).proven('a/+'), true);
  assert.equal(bound([rule('+a/#', receive), rule('-a/b', receive)], {}, 'first-match').proven('a/b'), false);
  assert.equal(bound(rules('+a', '+a/+/#')).proven('a/#'), true);
  assert.equal(bound([]).proven('a'), false);
});
