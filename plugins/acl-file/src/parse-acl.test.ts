import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidPluginConfig, isTopicFilter, type Rule } from '@portcullis/sdk';
import { type Acl, parseAcl } from './parse-acl.js';

const READ = ['subscribe', 'receive'];
const ALL = ['publish', 'subscribe', 'receive'];

const parse = (text: string) => parseAcl('/etc/acl', 'acl', text);

test('the four access words and their absence become effect and actions, with the line they stand in', () => {
  const acl = parse('topic read a/b\ntopic write a/+\n\n# comment\ntopic readwrite #\ntopic deny a/b/c\ntopic x\n');
  assert.deepEqual(acl.anonymous, [
    { effect: 'allow', actions: READ, pattern: 'a/b', from: 'acl:1' },
    { effect: 'allow', actions: ['publish'], pattern: 'a/+', from: 'acl:2' },
    { effect: 'allow', actions: ALL, pattern: '#', from: 'acl:5' },
    { effect: 'deny', actions: ALL, pattern: 'a/b/c', from: 'acl:6' },
    { effect: 'allow', actions: ALL, pattern: 'x', from: 'acl:7' },
  ]);
});

test('topics belong to the user above them, patterns to everybody', () => {
  const acl = parse('topic t0\nuser bob\ntopic t1\npattern p/%u\nuser alice smith\ntopic t2\nuser bob\ntopic t3\n');
  assert.deepEqual(patterns(acl.anonymous), ['t0']);
  assert.deepEqual(patterns(acl.pattern), ['p/%u']);
  assert.deepEqual(
    [...acl.users].map(([name, rules]) => [name, patterns(rules)]),
    [
      ['bob', ['t1', 't3']],
      ['alice smith', ['t2']],
    ],
  );
});

test('blanks at the end of a line, carriage returns and the blanks between words do not count', () => {
  const acl = parse('user  bob smith \t\r\n  topic\tread \t a b/c  d \r\ntopic write x\r\n   \r\n');
  assert.deepEqual([...acl.users.keys()], ['bob smith']);
  assert.deepEqual(patterns(acl.users.get('bob smith')), ['a b/c  d', 'x']);
});

test('words that only begin like an access word are topics', () => {
  const acl = parse('topic readme/x\ntopic denying\ntopic writer\ntopic readwrite read\ntopic deny deny\ntopic read # x\n'.replace(' # x', ' #'));
  assert.deepEqual(patterns(acl.anonymous), ['readme/x', 'denying', 'writer', 'read', 'deny', '#']);
  assert.equal(acl.anonymous[4]?.effect, 'deny');
});

test('a percent sign is itself in topics; in patterns %u and %c are variables, also within a level', () => {
  const acl = parse('topic 100%/%u/%c/%%\npattern dev-%c/%u/100%/%x/%\npattern %%u/%{cn}\npattern constant\n');
  assert.deepEqual(patterns(acl.anonymous), ['100%%/%%u/%%c/%%%%']);
  assert.deepEqual(patterns(acl.pattern), ['dev-%c/%u/100%%/%%x/%%', '%%%u/%%{cn}', 'constant']);
  assert.deepEqual(acl.constantPatterns, [4]);
});

test('empty files, comments and users without topics give no rule', () => {
  for (const text of ['', '\n\n', '# topic #\n#topic #', 'user bob\nuser eve\n', ' \t\r\n']) {
    const acl = parse(text);
    assert.equal(acl.anonymous.length + acl.pattern.length + [...acl.users.values()].flat().length, 0);
  }
});

test('users named like members of objects are users', () => {
  const acl = parse('user __proto__\ntopic a\nuser constructor\ntopic b\n');
  assert.deepEqual([...acl.users.keys()], ['__proto__', 'constructor']);
});

test('one line that means nothing refuses the whole file, by its number', () => {
  const broken: readonly (readonly [string, RegExp])[] = [
    ['topic', /names no topic/],
    ['pattern ', /names no topic/],
    ['topic read', /says "read" but names no topic/],
    ['topic deny', /says "deny" but names no topic/],
    ['pattern readwrite  ', /says "readwrite" but names no topic/],
    ['topic raed a/b', /holds "raed" where/],
    ['topic Deny a/b', /holds "Deny" where/],
    ['topic a b', /holds "a" where/],
    ['topic read a/#/b', /no valid topic filter/],
    ['topic deny a+', /no valid topic filter/],
    ['topic read a # comment', /no valid topic filter/],
    ['pattern read %u#', /no valid topic filter/],
    ['pattern read +%u', /no valid topic filter/],
    ['topic read $share/g/a', /shared subscription/],
    [`topic read ${'x'.repeat(65_536)}`, /no valid topic filter/],
    ['pattern read a/%u-%c/b', /two variables in one level/],
    ['pattern read %u%u', /two variables in one level/],
    ['user', /names no user/],
    ['user  \t', /names no user/],
    [`user ${'x'.repeat(65_536)}`, /more than 65535 bytes/],
    ['users bob', /begins with none/],
    ['Topic read a', /begins with none/],
    ['topics a', /begins with none/],
    ['allow a', /begins with none/],
    ['  # comment', /is indented/],
    ['topic read a\rtopic deny b', /control character/],
    ['user bob\u0000', /control character/],
    ['topic read a\u001b', /control character/],
  ];
  for (const [line, message] of broken) {
    assert.throws(
      () => parse(`topic read before\nuser bob\n${line}\ntopic read after\n`),
      (error: unknown) => {
        assert.ok(error instanceof InvalidPluginConfig, String(error));
        assert.match(error.message, /^\/etc\/acl:3: /);
        assert.match(error.message, message);
        return true;
      },
      line,
    );
  }
});

test('a hundred thousand damaged files are refused or mean exactly what stands in them', () => {
  const original =
    '# acl\ntopic read $SYS/#\r\n\nuser bob smith\ntopic write dev/+/up\ntopic deny dev/secret\npattern readwrite c/%c/#\npattern deny x-%u\n';
  const inserts = ['\n', ' ', '\t', '#', '+', '/', '%', 'u', 'deny ', 'read ', 'user ', 'topic ', '\r', '\0', '$share/', '', 'é', '\ufeff'];
  const random = randomNumbers(7);
  const pick = (below: number) => Math.floor(random() * below);
  let accepted = 0;
  let refused = 0;
  for (let round = 0; round < 100_000; round++) {
    let text = original;
    for (let edits = 1 + pick(3); edits > 0; edits--) {
      const at = pick(text.length + 1);
      text = text.slice(0, at) + (inserts[pick(inserts.length)] as string) + text.slice(at + pick(4));
    }
    const acl = parseOrRefuse(text);
    if (acl === null) {
      refused++;
    } else {
      accepted++;
      compare(acl, text);
    }
  }
  assert.ok(accepted > 1000 && refused > 1000, `${accepted} accepted, ${refused} refused`);
});

/** Reads each line once more, by splitting instead of by expressions, and holds it against the rule that names the line. */
function compare(acl: Acl, text: string): void {
  const found = new Map<string, Rule>();
  const ownerOf = new Map<string, string>();
  const collect = (owner: string, rules: readonly Rule[]) => {
    for (const rule of rules) {
      found.set(rule.from, rule);
      ownerOf.set(rule.from, owner);
    }
  };
  collect('anonymous', acl.anonymous);
  collect('pattern', acl.pattern);
  for (const [name, rules] of acl.users) collect(`user ${name}`, rules);
  let owner = 'anonymous';
  let expected = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('#')) continue;
    const words = line.split(/[ \t\r]+/).filter((word) => word !== '');
    const [keyword, second = ''] = words;
    if (keyword === 'user') owner = `user ${line.slice(line.indexOf('user') + 4).replace(/^[ \t]+|[ \t\r]+$/g, '')}`;
    if (keyword !== 'topic' && keyword !== 'pattern') continue;
    expected++;
    const rule = found.get(`acl:${index + 1}`);
    assert.ok(rule !== undefined, line);
    assert.equal(ownerOf.get(rule.from), keyword === 'pattern' ? 'pattern' : owner);
    assert.equal(rule.effect, second === 'deny' ? 'deny' : 'allow');
    assert.equal(rule.actions.includes('publish'), second !== 'read');
    assert.equal(rule.actions.includes('receive'), second !== 'write');
    assert.ok(isTopicFilter(rule.pattern.replaceAll('%%', '\u0001').replaceAll(/%[uc]/g, 'v').replaceAll('\u0001', '%')));
  }
  assert.equal(found.size, expected);
}

function parseOrRefuse(text: string): Acl | null {
  try {
    return parse(text);
  } catch (error) {
    assert.ok(error instanceof InvalidPluginConfig, String(error));
    return null;
  }
}

function patterns(rules: readonly Rule[] | undefined): string[] {
  return (rules ?? []).map((rule) => rule.pattern);
}

/** mulberry32: the same files at every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
