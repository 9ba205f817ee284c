import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { declarationsOf } from './declarations.js';
import { hooks, meaningOf, NEWS_HOOK_PARTS, NEWS_PARTS, numbersOf, partsOf, QUESTION_PARTS } from './hook-docs.js';
import { type HookSpec, hooksPage } from './hooks-page.js';
import { authorityAnswers, hookTable } from './host-table.js';
import { allMembers, PASSWORDS, ROOT, SDK } from './sdk-source.js';

describe('the reference of hooks', () => {
  let specs: Readonly<Record<string, HookSpec>>;
  let answers: Readonly<Record<string, readonly string[]>>;
  const questions = hooks().filter(({ kind }) => kind !== 'news');

  before(async () => {
    specs = await hookTable();
    answers = await authorityAnswers();
  });

  it('is what the docstrings say', () => {
    assert.equal(readFileSync(join(ROOT, 'docs', 'hooks.md'), 'utf8'), hooksPage(specs), 'docs/hooks.md is out of date: npm run docs:hooks');
  });

  it('has every hook of the host, in its order', () => {
    assert.deepEqual(
      hooks().map(({ name }) => name),
      Object.keys(specs),
    );
  });

  it('has for each question purpose, moment, answers, the case that nobody answers, units, errors and specification', () => {
    for (const { name, docs } of questions) partsOf(name, docs, QUESTION_PARTS);
  });

  it('has for each piece of news purpose, moment, units and specification, and the rest for all of them', () => {
    const news = hooks().filter(({ kind }) => kind === 'news');
    assert.ok(news.length > 10);
    for (const { name, docs } of news) partsOf(name, docs, NEWS_PARTS);
    partsOf('NewsHook', SDK.get('NewsHook')?.docs ?? '', NEWS_HOOK_PARTS);
  });

  it('says of every answer that the verbs of a hook offer what it does', () => {
    for (const hook of questions) {
      const verbs = allMembers(hook.verbs ?? '').map(({ name }) => name);
      const { answers: text } = partsOf(hook.name, hook.docs, QUESTION_PARTS);
      for (const verb of verbs) {
        const named = new RegExp(`(?:^|[.;] )${verb[0]?.toUpperCase()}${verb.slice(1)}[:,]`);
        assert.match(text, named, `${hook.name}: what "${verb}" does`);
      }
      if (answers[hook.name] !== undefined) assert.deepEqual([...(answers[hook.name] ?? [])].sort(), [...verbs].sort(), hook.name);
    }
  });

  it('says who is asked and whether at once, as the host does it', () => {
    for (const { name, docs, kind } of questions) {
      const { asked } = partsOf(name, docs, QUESTION_PARTS);
      const spec = specs[name];
      assert.equal(spec?.sync, kind === 'synchronous', name);
      assert.equal(/Synchronous\.$/.test(asked), spec?.sync, `${name}: Synchronous.`);
      if (spec?.asked === 'all') assert.match(asked, /^Asked of every plugin, in the order of the file, /, name);
      else if (name === 'refreshIdentity') assert.match(asked, /^Asked of the plugin that allowed the identity/);
      else if (name === 'authenticateEnhanced') assert.match(asked, /^Asked of the one plugin in the chain's `authenticate`/);
      else if (name === 'guardDelivery') assert.match(asked, /^Asked of each plugin in the guards of the \*receiver's\* chain/);
      else assert.match(asked, new RegExp(`^Asked of each plugin in the chain's \`${spec?.asked}\`, `), name);
    }
  });

  it('names the unit of every number that a handler gets or gives', () => {
    for (const hook of hooks()) {
      const parts = hook.kind === 'news' ? partsOf(hook.name, hook.docs, NEWS_PARTS) : partsOf(hook.name, hook.docs, QUESTION_PARTS);
      for (const number of numbersOf(hook)) assert.ok(parts.units.includes(`\`${number}\``), `${hook.name}: the unit of ${number}`);
    }
  });

  it('names the unit of a number, wherever a field is one', () => {
    const meant =
      /second|millisecond|byte|QoS|code|port|count|version|how many|how often|length|number|order|sequence|identifier|highest|at most|place|default|counted|from 1/i;
    for (const [name, { members }] of SDK) {
      if (name === 'ConfigSchema') continue;
      for (const member of members) {
        if (!/^\??: (?:number|0 \| 1)/.test(member.type)) continue;
        assert.match(`${member.name} ${member.docs}`, meant, `${name}.${member.name}`);
      }
    }
  });

  it('says of every error that the client is refused: silence, a throw, no decision', () => {
    for (const { name, docs, kind } of questions) {
      const { errors } = partsOf(name, docs, QUESTION_PARTS);
      const kinds =
        kind === 'synchronous' ? /a throw, a promise,? (?:or )?no decision/ : /a throw, a rejection, no decision,? .*silence for `timeoutMs`/;
      assert.match(errors, kinds, name);
      assert.match(errors, /is a fault[:.] /, name);
    }
  });

  it('cites a section of 5.0, and of 3.1.1 or the word that it has none', () => {
    for (const { name, docs } of hooks()) {
      const spec = docs.split('\n\n').at(-1) ?? '';
      if (name === 'brokerReady') assert.equal(spec, 'Spec: none.');
      else assert.match(spec, /^Spec: 5\.0 section \d[\d., a-zA-Z0-9()[\]-]*; 3\.1\.1 (?:section \d|has none)/, name);
    }
  });

  it('leaves no export of the SDK, and no field that plugins see, without a word', () => {
    for (const [name, { docs }] of [...SDK, ...PASSWORDS]) assert.notEqual(docs, '', name);
    for (const [name, { members }] of [...SDK, ...PASSWORDS]) {
      // Keywords of JSON Schema, which mean there what they mean everywhere; and what only the host can make.
      if (name === 'ConfigSchema' || name === 'Decision') continue;
      for (const member of members) assert.notEqual(meaningOf(member), '', `${name}.${member.name}`);
    }
  });
});

describe('reading declarations', () => {
  const source = [
    '/** One. */',
    'export interface One extends Base, Other {',
    '  /** A field',
    '   *  of two lines. */',
    '  readonly a?: string;',
    '  readonly inner: {',
    '    /** Inside. */',
    '    readonly b: number;',
    '  } | null;',
    '  method(',
    '    first: string,',
    '  ): void;',
    '}',
    '',
    'const hidden = 1;',
    '/** Two: a docstring of',
    ' * a paragraph.',
    ' *',
    ' * And another. */',
    'export type Two =',
    "  | 'x'",
    "  | 'y';",
    'export function three(): void {',
    '  /** Not of an export. */',
    '}',
  ].join('\n');

  it('finds every export with its docstring, its members and what they are made of', () => {
    const [one, two, three, ...more] = declarationsOf(source);
    assert.deepEqual(more, []);
    assert.deepEqual([one?.name, one?.docs, one?.bases], ['One', 'One.', ['Base', 'Other']]);
    assert.deepEqual(
      one?.members.map(({ name, type, docs }) => [name, type, docs]),
      [
        ['a', '?: string', 'A field of two lines.'],
        ['inner', ': { … } | null', ''],
        ['method', '( first: string, ): void', ''],
      ],
    );
    assert.deepEqual(one?.members[1]?.members, [{ name: 'b', type: ': number', docs: 'Inside.', members: [] }]);
    assert.deepEqual([two?.kind, two?.docs, two?.definition], ['type', 'Two: a docstring of a paragraph.\n\nAnd another.', "| 'x' | 'y'"]);
    assert.deepEqual([three?.kind, three?.docs], ['function', '']);
  });
});

describe('the parts of a docstring', () => {
  it('are missed where one is left out, out of order or doubled', () => {
    const whole = 'Decides.\n\nAsked of x.\n\nPass: yes.\n\nNobody answers: yes.\n\nUnits: none.\n\nErrors: no.\n\nSpec: none.';
    assert.equal(partsOf('x', whole, QUESTION_PARTS).errors, 'Errors: no.');
    for (const [place] of QUESTION_PARTS.entries()) {
      const less = whole.split('\n\n').filter((_, index) => index !== place);
      assert.throws(() => partsOf('x', less.join('\n\n'), QUESTION_PARTS), /should be the part/);
    }
    assert.throws(() => partsOf('x', `${whole}\n\nSpec: more.`, QUESTION_PARTS), /too many/);
  });
});
