// Prints what checks cost: `node core/dist/policy/measure.test.support.js`.
import type { Rule } from '@portcullis/sdk';
import { bindClient, engineWithGroups, heapBytes, someClients, TEMPLATES } from './cost.test.support.js';
import { type Binding, PolicyEngine } from './index.js';

const ROUNDS = 2_000_000;

function nanoseconds(binding: Binding, topics: readonly string[], action: 'publish' | 'receive'): string {
  // As they come from the wire: texts put together from pieces are slower to read.
  const texts = topics.map((topic) => Buffer.from(topic).toString());
  let best = Number.POSITIVE_INFINITY;
  let allowed = 0;
  for (let round = 0; round < 4; round++) {
    // Time of the processor, not of the clock: other programs count less.
    const started = process.cpuUsage().user;
    for (let i = 0; i < ROUNDS; i++) allowed += binding.check(action, texts[i % texts.length] as string, 0, false, -1) & 1;
    best = Math.min(best, ((process.cpuUsage().user - started) * 1000) / ROUNDS);
  }
  return `${best.toFixed(0)} ns (${Math.round((allowed / ROUNDS / 4) * 100)} % allowed)`;
}

function twoHundredRules(): Rule[] {
  const rules: Rule[] = [];
  for (let i = 0; i < 160; i++)
    rules.push({ effect: 'allow', actions: ['publish', 'receive'], pattern: `plant/line${i % 20}/machine${i}/+/value`, from: `${i}` });
  for (let i = 0; i < 20; i++) rules.push({ effect: 'allow', actions: ['publish'], pattern: `users/%u/area${i}/#`, from: `${i}` });
  for (let i = 0; i < 10; i++) rules.push({ effect: 'deny', actions: ['publish'], pattern: `plant/+/machine${i}/secret/#`, from: `${i}` });
  for (let i = 0; i < 10; i++) rules.push({ effect: 'allow', actions: ['publish'], pattern: `+/line${i}/dev-%c/#`, from: `${i}` });
  return rules;
}

const clients = someClients(100_000);
const before = heapBytes();
const groups = engineWithGroups();
const withGroups = heapBytes();
const bindings = clients.map((client, number) => bindClient(groups, number, client));
const after = heapBytes();
process.stdout.write(`${TEMPLATES} templates of 10 rules: ${((withGroups - before) / 1048576).toFixed(1)} MB; `);
process.stdout.write(`${bindings.length} bindings: ${Math.round((after - withGroups) / bindings.length)} bytes each\n`);

const engine = new PolicyEngine();
engine.setTemplate('p', 't', twoHundredRules());
const variables = { username: 'user-7', clientId: 'c7', tenant: null, commonName: null, attributes: null };
for (const combine of ['deny-overrides', 'first-match'] as const) {
  const one = engine.bind({ combine, variables, sources: [{ plugin: 'p', templates: ['t'], rules: null }] });
  const plant = Array.from({ length: 160 }, (_, i) => `plant/line${i % 20}/machine${i}/temperature/value`);
  const own = Array.from({ length: 20 }, (_, i) => `users/user-7/area${i}/x/y`);
  const others = Array.from({ length: 100 }, (_, i) => `other/line${i}/machine${i}/value`);
  process.stdout.write(`${combine}, 200 rules: literal ${nanoseconds(one, plant, 'publish')}, variable ${nanoseconds(one, own, 'publish')}, `);
  process.stdout.write(`no match ${nanoseconds(one, others, 'publish')}, same topic ${nanoseconds(one, plant.slice(0, 1), 'receive')}\n`);
}
const member = bindings[7] as Binding;
process.stdout.write(
  `three templates of 500: ${nanoseconds(member, ['site/7/client-7/telemetry/a', 'site/50/client-7/state', 'site/93/client-7/telemetry/b'], 'publish')}\n`,
);
const started = process.hrtime.bigint();
for (let i = 0; i < 100_000; i++) member.subscribe(i % 2 === 0 ? 'site/7/client-7/commands/#' : 'site/50/all/+', -1);
process.stdout.write(`subscribe: ${(Number(process.hrtime.bigint() - started) / 100_000).toFixed(0)} ns\n`);
