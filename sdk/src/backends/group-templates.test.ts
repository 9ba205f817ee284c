import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable } from '../errors.js';
import type { Rule } from '../rules.js';
import { GroupTemplates } from './group-templates.js';

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
  /** What the backend says now: by default one rule that names what was asked for. */
  answer: (tenant: string | null, group: string | null) => Promise<readonly Rule[]> = async (tenant, group) => [ruleOf(`${tenant}/${group}`)];
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
  assert.equal(one.templates[0], two.templates[0]);
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

test('a use does not prolong the lease, says what is left of it, and reads again when that is less than half', async () => {
  const rig = new Rig();
  assert.equal((await rig.groups.use('t', ['g'])).leftMs, 1000);
  rig.time = 300;
  await rig.groups.use('t', ['h']);
  rig.time = 500;
  assert.equal((await rig.groups.use('t', ['g', 'h'])).leftMs, 500);
  assert.deepEqual(rig.reads, ['t/g', 't/h']);
  rig.time = 501;
  assert.equal((await rig.groups.use('t', ['g', 'h'])).leftMs, 799);
  assert.deepEqual(rig.reads, ['t/g', 't/h', 't/g']);
});

test('a group that has changed is read again at once, and one that nobody uses is not', async () => {
  const rig = new Rig();
  const { templates } = await rig.groups.use('t', ['g']);
  rig.answer = async () => [ruleOf('new')];
  rig.groups.changed('t', 'g');
  rig.groups.changed('t', 'unknown');
  await turn();
  assert.deepEqual(rig.set.get(templates[0] as string), ['new']);
  assert.equal(rig.reads.length, 2);
  await rig.groups.use('t', ['g']);
  assert.equal(rig.reads.length, 2);
});

test('what was read before a change is never set', async () => {
  const rig = new Rig();
  const answers: ((rules: readonly Rule[]) => void)[] = [];
  rig.answer = () => new Promise((resolve) => answers.push(resolve));
  const used = rig.groups.use('t', ['g']);
  await turn();
  rig.groups.changed('t', 'g');
  answers[0]?.([ruleOf('old')]);
  await turn();
  assert.equal(rig.set.size, 0);
  answers[1]?.([ruleOf('new')]);
  const { templates } = await used;
  assert.deepEqual(rig.set.get(templates[0] as string), ['new']);
});

test('a group that cannot be read is a fault for those who need it, and is asked for again', async () => {
  const rig = new Rig();
  rig.answer = async () => Promise.reject(new BackendUnavailable('down'));
  await assert.rejects(rig.groups.use('t', ['g']), BackendUnavailable);
  rig.answer = async () => [ruleOf('bad')];
  await assert.rejects(rig.groups.use('t', ['g']), /does not compile/);
  rig.answer = async () => [ruleOf('good')];
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
    return [ruleOf(`${tenant}/${group}/new`)];
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
  const {
    templates: [one],
  } = await rig.groups.use('t', ['one']);
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

test('when a tenant has changed its groups are read again, and what everybody of it has, and no others', async () => {
  const rig = new Rig();
  await rig.groups.use('t', ['g', null]);
  await rig.groups.use(null, ['g', null]);
  rig.reads.length = 0;
  await rig.groups.tenantChanged('t');
  assert.deepEqual(rig.reads, ['t/g', 't/null']);
  rig.reads.length = 0;
  await rig.groups.tenantChanged(null);
  assert.deepEqual(rig.reads, ['null/g', 'null/null']);
});
