import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer, type Binding, CompiledRules, PolicyEngine, PolicyError } from './index.js';
import { mayPublish, NOBODY, rule, rules } from './policy.test.support.js';

function bindTo(engine: PolicyEngine, ...templates: string[]): Binding {
  return engine.bind({ combine: 'deny-overrides', variables: NOBODY, sources: [{ plugin: 'p', templates, rules: null }] });
}

/** Notes each change as `plugin: names`. */
function watched(engine: PolicyEngine): string[] {
  const seen: string[] = [];
  engine.onChange = (plugin, names) => seen.push(`${plugin}: ${[...names].sort().join(' ')}`);
  return seen;
}

test('new rules of a template are in force for every binding at once, and its version has grown', () => {
  const engine = new PolicyEngine();
  const seen = watched(engine);
  engine.setTemplate('p', 'one', rules('+a'));
  engine.setTemplate('p', 'two', rules('+b'));
  const [one, both, two] = [bindTo(engine, 'one'), bindTo(engine, 'one', 'two'), bindTo(engine, 'two')];
  const before = [one, both, two].map((binding) => binding.version);
  engine.setTemplate('p', 'one', rules('-b', '+c'));
  const after = [one, both, two].map((binding) => binding.version);
  assert.ok((after[0] as number) > (before[0] as number));
  assert.ok((after[1] as number) > (before[1] as number));
  assert.equal(after[2], before[2]);
  assert.deepEqual([mayPublish(one, 'a'), mayPublish(one, 'c'), mayPublish(both, 'b'), mayPublish(two, 'b')], [false, true, false, true]);
  assert.deepEqual(seen, ['p: one', 'p: two', 'p: one']);
  assert.equal(engine.version, 3);
});

test('a change is told with whether anybody is bound to what has changed', () => {
  const engine = new PolicyEngine();
  const told: boolean[] = [];
  engine.onChange = (_plugin, _names, inUse) => told.push(inUse);
  engine.setTemplate('p', 'one', rules('+a'));
  engine.setTemplate('p', 'two', rules('+a'));
  const client = bindTo(engine, 'one');
  engine.setTemplate('p', 'two', rules('+b'));
  engine.setTemplate('p', 'one', rules('+b'));
  engine.removeTemplate('p', 'one');
  engine.setTemplate('p', 'one', rules('+c'));
  engine.replaceTemplates('p', new Map([['one', rules('+c')]]));
  engine.replaceTemplates('p', new Map([['three', rules('+d')]]));
  client.release();
  engine.setTemplate('p', 'three', rules('+e'));
  assert.deepEqual(told, [false, false, false, true, true, true, false, true, false]);
});

test('a template that does not compile changes nothing', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', rules('+a'));
  const client = bindTo(engine, 'one');
  const seen = watched(engine);
  const { version } = engine;
  assert.throws(() => engine.setTemplate('p', 'one', [rule('+b'), rule('+%x', { from: 'row 9' })]), /row 9/);
  assert.throws(
    () =>
      engine.replaceTemplates(
        'p',
        new Map([
          ['new', rules('+b')],
          ['bad', [rule('+a+', { from: 'acl:4' })]],
        ]),
      ),
    (error) => {
      return error instanceof PolicyError && error.message.startsWith('template "bad": acl:4: ');
    },
  );
  assert.equal(engine.hasTemplate('p', 'new'), false);
  assert.equal(mayPublish(client, 'a'), true);
  assert.equal(engine.version, version);
  assert.deepEqual(seen, []);
});

test('replacing all templates is one step, removes those that are left out, and tells only what changed', () => {
  const engine = new PolicyEngine();
  engine.replaceTemplates(
    'p',
    new Map([
      ['same', rules('+a')],
      ['other', rules('+b')],
      ['gone', rules('+c')],
    ]),
  );
  engine.setTemplate('q', 'gone', rules('+x'));
  const client = bindTo(engine, 'same', 'gone');
  const seen = watched(engine);
  const { version } = engine;
  engine.replaceTemplates(
    'p',
    new Map([
      ['same', rules('+a')],
      ['other', rules('+b', '+d')],
      ['new', []],
    ]),
  );
  assert.deepEqual(seen, ['p: gone new other']);
  assert.equal(engine.version, version + 1);
  assert.equal(mayPublish(client, 'c'), false);
  assert.equal(mayPublish(client, 'a'), true);
  assert.equal(client.version, version + 1);
  assert.deepEqual(
    ['same', 'other', 'new', 'gone'].map((name) => engine.hasTemplate('p', name)),
    [true, true, true, false],
  );
  assert.equal(engine.hasTemplate('q', 'gone'), true);
});

test('rules that only moved to another line change no version, but are told from where they are now', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', [rule('+a', { from: 'acl:1' })]);
  const client = bindTo(engine, 'one');
  const seen = watched(engine);
  const { version } = client;
  engine.setTemplate('p', 'one', [rule('+a', { from: 'acl:2', maxQos: 2, retain: true })]);
  assert.equal(client.version, version);
  assert.deepEqual(seen, []);
  client.check('publish', 'a', 0, false, -1);
  assert.equal(client.lastRule?.from, 'acl:2');
  for (const changed of [
    rules('-a'),
    rules('+b'),
    rules('+a', '+a'),
    [rule('+a', { maxQos: 1 })],
    [rule('+a', { retain: false })],
    [rule('+a', { actions: ['publish'] })],
  ]) {
    engine.setTemplate('p', 'one', rules('+a'));
    const before = client.version;
    engine.setTemplate('p', 'one', changed);
    assert.ok(client.version > before);
  }
});

test('a removed template grants nothing, cannot be bound, and is back for its bindings when it is set again', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', rules('+a'));
  const client = bindTo(engine, 'one');
  const seen = watched(engine);
  engine.removeTemplate('p', 'one');
  engine.removeTemplate('p', 'never');
  assert.equal(client.check('publish', 'a', 0, false, -1), Answer.NONE);
  assert.equal(client.subscribe('a', -1).coverage, 'none');
  assert.equal(client.proven('a'), false);
  assert.equal(client.version, engine.version);
  assert.equal(client.uses('p', new Set(['one'])), true);
  assert.throws(() => bindTo(engine, 'one'), /p has no template "one"/);
  engine.setTemplate('p', 'one', rules('+b'));
  assert.equal(mayPublish(client, 'b'), true);
  assert.equal(client.version, engine.version);
  engine.removePlugin('p');
  assert.equal(mayPublish(client, 'b'), false);
  assert.deepEqual(seen, ['p: one', 'p: one', 'p: one']);
});

test('a template that is not there, also of another plugin or from Object.prototype, fails the binding', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('q', 'one', rules('+a'));
  for (const name of ['one', '', '__proto__', 'constructor', 'toString']) {
    assert.equal(engine.hasTemplate('p', name), false);
    assert.throws(() => bindTo(engine, name), PolicyError);
  }
  engine.setTemplate('p', '__proto__', rules('+a'));
  assert.equal(mayPublish(bindTo(engine, '__proto__'), 'a'), true);
});

test('uses tells the templates of a binding, and own rules are none', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', rules('+a'));
  const own = CompiledRules.compile(rules('+b'));
  const client = engine.bind({ combine: 'first-match', variables: NOBODY, sources: [{ plugin: 'p', templates: ['one'], rules: own }] });
  assert.equal(client.uses('p', new Set(['zero', 'one'])), true);
  assert.equal(client.uses('q', new Set(['one'])), false);
  assert.equal(client.uses('p', new Set(['two', 'null', ''])), false);
});

test('a released binding grants nothing, under a version that no answer was remembered for', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', rules('+#'));
  const client = engine.bind({
    combine: 'deny-overrides',
    variables: NOBODY,
    sources: [{ plugin: 'p', templates: ['one'], rules: CompiledRules.compile(rules('+#')) }],
  });
  const other = bindTo(engine, 'one');
  assert.equal(mayPublish(client, 'a'), true);
  client.release();
  client.release();
  assert.equal(client.version, -1);
  assert.equal(client.sourceCount, 0);
  assert.equal(client.lastRule, null);
  for (const source of [-1, 0, 1]) {
    assert.equal(client.check('publish', 'a', 0, false, source), Answer.NONE);
    assert.equal(client.subscribe('a', source).coverage, 'none');
  }
  assert.equal(client.proven('a'), false);
  assert.equal(client.uses('p', new Set(['one'])), false);
  assert.equal(mayPublish(other, 'a'), true);
  engine.removeTemplate('p', 'one');
  other.release();
  engine.setTemplate('p', 'one', rules('+b'));
  assert.equal(mayPublish(bindTo(engine, 'one'), 'b'), true);
});

test('a template is forgotten when nobody is bound to it, and stays as it is while somebody is', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', rules('+a'));
  const client = bindTo(engine, 'one');
  assert.equal(engine.forgetTemplate('p', 'one'), false);
  assert.equal(mayPublish(client, 'a'), true);
  client.release();
  assert.equal(engine.forgetTemplate('p', 'one'), true);
  assert.equal(engine.hasTemplate('p', 'one'), false);
  assert.equal(engine.forgetTemplate('p', 'never'), true);
  assert.equal(engine.forgetTemplate('nobody', 'one'), true);
});

test('a template whose grants are withdrawn goes on denying to those who are bound to it, and binds nobody else until it is set again', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'mixed', rules('+a', '-b'));
  engine.setTemplate('p', 'grants', rules('+b', '+c'));
  engine.setTemplate('p', 'spared', rules('+d'));
  const client = bindTo(engine, 'mixed', 'grants', 'spared');
  const seen = watched(engine);
  const may = (): boolean[] => ['a', 'b', 'c', 'd'].map((topic) => mayPublish(client, topic));
  assert.deepEqual(may(), [true, false, true, true]);
  engine.withdrawGrants('p', ['mixed', 'grants', 'unknown']);
  assert.deepEqual(may(), [false, false, false, true]);
  assert.equal(client.check('publish', 'b', 0, false, -1), Answer.DENY);
  assert.deepEqual(seen, ['p: grants mixed']);
  for (const name of ['mixed', 'grants']) {
    assert.equal(engine.hasTemplate('p', name), false);
    assert.throws(() => bindTo(engine, name), PolicyError);
  }
  // What is set is a template again, even if it is no other than what was left of it.
  engine.setTemplate('p', 'mixed', rules('-b'));
  assert.equal(engine.hasTemplate('p', 'mixed'), true);
  engine.setTemplate('p', 'grants', rules('+b'));
  assert.deepEqual(may(), [false, false, false, true]);
  engine.removeTemplate('p', 'mixed');
  assert.deepEqual(may(), [false, true, false, true]);
});

test('what a template grants can be taken back also where it denies nothing and nobody is bound to it', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('p', 'one', rules('+a'));
  engine.withdrawGrants('p', ['one', 'none']);
  assert.equal(engine.hasTemplate('p', 'one'), false);
});
