import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable } from '../errors.js';
import type { Rule } from '../rules.js';
import { type GroupRules, GroupTemplates } from './group-templates.js';

const ruleOf = (pattern: string): Rule => ({ effect: 'allow', actions: ['publish'], pattern, from: pattern });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A policy service and a backend that do what the test says. */
class Rig {
  time = 0;
  readonly set = new Map<string, string[]>();
  readonly bound = new Set<string>();
  readonly reads: string[] = [];
  readonly failures: string[] = [];
  readonly delays: (() => void)[] = [];
  /** What the backend says now: by default one rule that names what was asked for, at version 1. */
  answer: (tenant: string | null, group: string | null) => Promise<GroupRules> = async (tenant, group) => ({
    rules: [ruleOf(`${tenant}/${group}`)],
    version: 1,
  });
  readonly groups: GroupTemplates;

  constructor(maxGroups = 10) {
    this.groups = new GroupTemplates({
      policy: {
        setTemplate: (name, rules) => {
          if (rules.some(({ pattern }) => pattern === 'bad')) throw new Error('bad: does not compile');
          this.set.set(
            name,
            rules.map(({ pattern }) => pattern),
          );
        },
        forgetTemplate: (name) => {
          if (this.bound.has(name)) return false;
          this.set.delete(name);
          return true;
        },
      },
      timers: {
        after: (_, callback) => {
          this.delays.push(callback);
          return () => {};
        },
      },
      load: (tenant, group) => {
        this.reads.push(`${tenant}/${group}`);
        return this.answer(tenant, group);
      },
      failed: (tenant, group, error) => void this.failures.push(`${tenant}/${group}: ${(error as Error).message}`),
      leaseMs: 1000,
      maxGroups,
      now: () => this.time,
    });
  }

  async retry(): Promise<void> {
    await turn();
    for (const callback of this.delays.splice(0)) callback();
    await turn();
  }
}

test('a group is read once, by one reader, for all its members', async () => {
  const rig = new Rig();
  const [one, two] = await Promise.all([rig.groups.use('t', ['g', null]), rig.groups.use('t', ['g'])]);
  assert.deepEqual(rig.reads, ['t/g', 't/null']);
  assert.deepEqual([one.templates[0], one.version], [two.templates[0], 1]);
  assert.deepEqual(
    one.templates.map((name) => rig.set.get(name)),
    [['t/g'], ['t/null']],
  );
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 2);
});

test('groups that read alike have templates of their own', async () => {
  const rig = new Rig();
  const uses = [
    await rig.groups.use('t', ['g']),
    await rig.groups.use(null, ['g']),
    await rig.groups.use('', ['g']),
    await rig.groups.use('t","g', ['']),
    await rig.groups.use('t', [null]),
    await rig.groups.use('t', ['null']),
    await rig.groups.use('everybody', ['t']),
  ];
  assert.equal(new Set(uses.flatMap(({ templates }) => templates)).size, uses.length);
});

test('rules are read again when their lease is over, and a use does not prolong it', async () => {
  const rig = new Rig();
  await rig.groups.use('t', ['g']);
  rig.time = 999;
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 1);
  rig.time = 1000;
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 2);
});

test('a group that has changed is read again at once, and one that nobody uses is not', async () => {
  const rig = new Rig();
  const { templates } = await rig.groups.use('t', ['g']);
  rig.answer = async () => ({ rules: [ruleOf('new')], version: 2 });
  rig.groups.changed('t', 'g');
  rig.groups.changed('t', 'unknown');
  await turn();
  assert.deepEqual(rig.set.get(templates[0] as string), ['new']);
  assert.equal(rig.reads.length, 2);
  assert.equal((await rig.groups.use('t', ['g'])).version, 2);
});

test('what was read before a change is never set', async () => {
  const rig = new Rig();
  const answers: ((rules: GroupRules) => void)[] = [];
  rig.answer = () => new Promise((resolve) => answers.push(resolve));
  const used = rig.groups.use('t', ['g']);
  await turn();
  rig.groups.changed('t', 'g');
  answers[0]?.({ rules: [ruleOf('old')], version: 1 });
  await turn();
  assert.equal(rig.set.size, 0);
  answers[1]?.({ rules: [ruleOf('new')], version: 2 });
  const { templates, version } = await used;
  assert.equal(version, 2);
  assert.deepEqual(rig.set.get(templates[0] as string), ['new']);
});

test('a group that cannot be read is a fault for those who need it, and is asked for again', async () => {
  const rig = new Rig();
  rig.answer = async () => Promise.reject(new BackendUnavailable('down'));
  await assert.rejects(rig.groups.use('t', ['g']), BackendUnavailable);
  rig.answer = async () => ({ rules: [ruleOf('bad')], version: 1 });
  await assert.rejects(rig.groups.use('t', ['g']), /does not compile/);
  rig.answer = async () => ({ rules: [ruleOf('good')], version: 1 });
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 3);
});

test('a change that cannot be read is tried a few times while the backend is away, and then told; a wrong record is told at once', async () => {
  const rig = new Rig();
  await rig.groups.use('t', ['g', 'h']);
  rig.answer = async () => Promise.reject(new BackendUnavailable('down'));
  rig.groups.changed('t', 'g');
  await rig.retry();
  await rig.retry();
  await rig.retry();
  assert.deepEqual(rig.failures, ['t/g: down']);
  assert.equal(rig.reads.length, 5);
  rig.answer = async () => Promise.reject(new Error('rules#7: no'));
  rig.groups.changed('t', 'h');
  await turn();
  assert.deepEqual(rig.failures, ['t/g: down', 't/h: rules#7: no']);
  await assert.rejects(rig.groups.use('t', ['h']), /rules#7/);
});

test('after a resync every group is read again, a few at a time', async () => {
  const rig = new Rig(100);
  const names = Array.from({ length: 30 }, (_, i) => `g${i}`);
  await rig.groups.use('t', names);
  let most = 0;
  let running = 0;
  rig.answer = async (tenant, group) => {
    most = Math.max(most, ++running);
    await turn();
    running -= 1;
    return { rules: [ruleOf(`${tenant}/${group}/new`)], version: 2 };
  };
  await rig.groups.allChanged();
  assert.equal(most, 8);
  assert.equal(rig.reads.length, 60);
  assert.ok([...rig.set.values()].every(([pattern]) => pattern?.endsWith('/new')));
});

test('while nobody would tell of a change, every use reads', async () => {
  const rig = new Rig();
  await rig.groups.use('t', ['g']);
  rig.groups.pause();
  await rig.groups.use('t', ['g']);
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 3);
  rig.groups.resume();
  await rig.groups.use('t', ['g']);
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 4);
});

test('groups that nobody is bound to make room; when all are in use, another one is a fault', async () => {
  const rig = new Rig(2);
  const [one] = (await rig.groups.use('t', ['one'])).templates;
  await rig.groups.use('t', ['two']);
  rig.bound.add(one as string);
  await assert.rejects(rig.groups.use('t', ['three']), /more than 2 groups/, 'a template that was just handed out may be about to be bound');
  rig.time = 60_001;
  await rig.groups.use('t', ['three']);
  assert.equal(rig.groups.size, 2);
  assert.equal(rig.set.has(one as string), true);
  assert.equal(rig.set.size, 2);
  rig.time = 61_000;
  await assert.rejects(rig.groups.use('t', ['four']), /more than 2 groups/);
});

test('who no longer waits for a group is told why', async () => {
  const rig = new Rig();
  rig.answer = () => new Promise(() => {});
  const patience = new AbortController();
  const used = assert.rejects(rig.groups.use('t', ['g'], patience.signal), /enough/);
  patience.abort(new Error('enough'));
  await used;
});
