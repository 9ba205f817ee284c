import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Binding, CompiledRules, PolicyEngine } from './index.js';
import { NOBODY, rules } from './policy.test.support.js';

const TOPICS = ['a', 'b', 'c', 'd'];
const aRule = fc.tuple(fc.constantFrom('+', '-'), fc.constantFrom(...TOPICS, '+')).map((parts) => parts.join(''));

/** What one plugin gives to a client: templates, which are two for each plugin, and rules of its own. */
const aSource = fc.record({
  plugin: fc.constantFrom('p', 'q', 'r'),
  templates: fc.subarray(['one', 'two']),
  own: fc.option(fc.array(aRule, { maxLength: 2 }), { nil: null }),
});
const aClient = fc.record({
  combine: fc.constantFrom('deny-overrides' as const, 'first-match' as const),
  sources: fc.uniqueArray(aSource, { maxLength: 3, selector: ({ plugin }) => plugin }),
  /** Which of those that are bound already goes before, if any. */
  leaves: fc.option(fc.nat(9), { nil: null, freq: 2 }),
});
const templates = fc.record({ one: fc.array(aRule, { maxLength: 2 }), two: fc.array(aRule, { maxLength: 2 }) });

function answers(binding: Binding, source: number): unknown[] {
  return TOPICS.flatMap((topic) => [binding.check('publish', topic, 0, false, source), binding.subscribe(topic, source).coverage]);
}

test('what one source of a client says does not depend on who else was bound or let go, with however many rules', () => {
  fc.assert(
    fc.property(
      fc.array(aClient, { minLength: 1, maxLength: 8 }),
      fc.record({ p: templates, q: templates, r: templates }),
      (clients, given: Readonly<Record<string, Readonly<Record<string, string[]>>>>) => {
        const engineOf = (): PolicyEngine => {
          const engine = new PolicyEngine();
          for (const [plugin, each] of Object.entries(given)) {
            for (const [name, texts] of Object.entries(each)) engine.setTemplate(plugin, name, rules(...texts));
          }
          return engine;
        };
        const shared = engineOf();
        const bound: { binding: Binding; client: (typeof clients)[number] }[] = [];
        for (const client of clients) {
          if (client.leaves !== null) bound.splice(client.leaves, 1)[0]?.binding.release();
          bound.push({ binding: bind(shared, client.combine, client.sources), client });
          for (const { binding, client: each } of bound) {
            const { combine, sources } = each;
            assert.equal(binding.sourceCount, sources.length);
            const whole = bind(engineOf(), combine, sources);
            assert.deepEqual(answers(binding, -1), answers(whole, -1));
            for (const [i, source] of sources.entries()) {
              assert.deepEqual(answers(binding, i), answers(bind(engineOf(), combine, [source]), -1), `source ${i} of ${JSON.stringify(sources)}`);
            }
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

function bind(
  engine: PolicyEngine,
  combine: 'deny-overrides' | 'first-match',
  sources: readonly (typeof aSource extends fc.Arbitrary<infer S> ? S : never)[],
) {
  return engine.bind({
    combine,
    variables: NOBODY,
    sources: sources.map(({ plugin, templates: names, own }) => ({
      plugin,
      templates: names,
      rules: own === null ? null : CompiledRules.compile(rules(...own)),
    })),
  });
}
