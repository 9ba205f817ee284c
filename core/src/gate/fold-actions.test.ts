import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../hooks/index.js';
import type { DeliveryReason } from './delivery-gate.js';
import { clientOf, gateRig, messageOf, rules, standingOf } from './gate.test.support.js';
import { TopicTable } from './topic-table.js';

type Says = 'silent' | 'allow' | 'deny' | 'fault';
type Action = 'publish' | 'subscribe' | 'receive';

const RULES: readonly Exclude<Says, 'fault'>[] = ['silent', 'allow', 'deny'];
const CODE: readonly Says[] = ['silent', 'allow', 'deny', 'fault'];

/** How it has to end, and by whom, if `rules`, `code` and `more` say this in this order. */
function expected(combine: 'deny-overrides' | 'first-match', says: readonly Says[]): [outcome: string, by: string | null] {
  const names = ['rules', 'code', 'more'];
  const first = (...wanted: Says[]): [Says, string | null] | null => {
    const at = says.findIndex((each) => wanted.includes(each));
    return at < 0 ? null : [says[at] as Says, names[at] as string];
  };
  if (combine === 'first-match') return first('allow', 'deny', 'fault') ?? ['deny', null];
  return first('fault') ?? first('deny') ?? first('allow') ?? ['deny', null];
}

function outcomeOf(says: Says, plugin: string): Outcome {
  if (says === 'allow') return { kind: 'allow', plugin, grant: null, data: null, leaseSeconds: null };
  if (says === 'deny') return { kind: 'deny', plugin, reason: 'quota' };
  return says === 'fault' ? { kind: 'fault', plugin, overload: false, detail: 'it broke', final: false } : { kind: 'skip' };
}

/** What the gate makes of it: how it ended, and who is named for that. */
function judged(action: Action, combine: 'deny-overrides' | 'first-match', [byRules, ...byCode]: readonly Says[]): unknown[] {
  const standing = standingOf({ combine, authorize: ['rules', 'code', 'more'] });
  for (const [i, plugin] of ['code', 'more'].entries()) {
    standing.hooks.tapped.add(`${plugin} authorize`);
    standing.hooks.script.set(`${plugin} authorize`, outcomeOf(byCode[i] as Says, plugin));
  }
  standing.global.tapped.add('decisionMade');
  const rig = gateRig({ standing });
  const client = clientOf(rules(...(byRules === 'silent' ? [] : [byRules === 'allow' ? '+a/#' : '-a/#'])), standing);
  if (action === 'receive') {
    let ended: unknown[] = [];
    const copy = { message: messageOf('a/b'), entry: new TopicTable(4).intern('a/b'), checks: 1, qos: 0, retain: false } as const;
    rig.gate.judgeDelivery(client, copy, (verdict: string, why: DeliveryReason | null) => {
      ended = [verdict === 'deliver' ? 'allow' : verdict === 'fault' ? 'fault' : 'deny', why?.plugin ?? null];
    });
    return ended;
  }
  if (action === 'publish') rig.gate.judgePublish(client, messageOf('a/b'), false, () => {});
  else rig.gate.judgeSubscribe(client, { filter: 'a/#', shareName: null, qos: 1 }, () => {});
  assert.equal(standing.global.told.length, 1);
  const { outcome, plugin } = standing.global.told[0]?.news ?? {};
  return [outcome, plugin];
}

for (const action of ['publish', 'subscribe', 'receive'] as const) {
  test(`For a ${action} rules and code are folded as the chain says, whatever each of them says, and whoever decided is named.`, () => {
    for (const combine of ['deny-overrides', 'first-match'] as const) {
      for (const byRules of RULES) {
        for (const code of CODE) {
          for (const more of CODE) {
            const says = [byRules, code, more];
            assert.deepEqual(judged(action, combine, says), expected(combine, says), `${combine}: ${says.join()}`);
          }
        }
      }
    }
  });
}
