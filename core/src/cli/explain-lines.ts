import type { Explanation } from '../explain.js';
import type { ShownRule } from '../explain-rules.js';
import { table } from './table.js';

const OUTCOMES = { allow: 'ALLOWED', deny: 'DENIED', fault: 'REFUSED, NOBODY COULD SAY' } as const;
const MAX_SHOWN = 200;

/** An explanation as lines for people. */
export function explanationLines(explanation: Explanation): string[] {
  return [
    ...headLines(explanation),
    '',
    ...stageLines(explanation),
    ...ruleLines(explanation),
    '',
    ...table(
      ['version', 'the client sees'],
      Object.entries(explanation.codes).map(([version, answer]) => [version, answer]),
    ),
  ];
}

function headLines(explanation: Explanation): string[] {
  const { action, topic, qos, retain, username, client, tenant, listener, chain, groups, attributes } = explanation;
  const what = topic === null ? action : `${action} ${quoted(topic)} at QoS ${qos}${retain ? ', retained' : ''}`;
  const identity = [
    `client ${client === '' ? 'without an identifier' : quoted(client)}`,
    ...(tenant === null ? [] : [`tenant ${quoted(tenant)}`]),
    ...(groups.length === 0 ? [] : [`groups ${groups.map(quoted).join(', ')}`]),
    ...(attributes.length === 0 ? [] : [`attributes ${attributes.map(quoted).join(', ')}`]),
  ];
  return [
    `${what}, by ${username === null ? 'an anonymous client' : `user ${quoted(username)}`}`,
    `${identity.join(', ')}, listener ${listener}, chain ${chain}`,
    verdict(explanation),
  ];
}

function verdict({ outcome, reached, action, decidedBy }: Explanation): string {
  const { stage, plugin, rule, detail } = decidedBy;
  const what = reached ? OUTCOMES[outcome] : `${OUTCOMES[outcome]} already at CONNECT, before ${action}`;
  if (plugin === null && rule === null && stage === 'authorize') return `${what}: ${detail === '' ? 'nothing allows it' : detail}`;
  const by = rule !== null ? `rule ${rule} of ${plugin ?? 'nobody'}` : plugin !== null ? `${plugin} on ${stage}` : stage;
  // What the first word says already.
  return `${what} by ${by}${['', 'allowed', 'denied', 'denied by a rule'].includes(detail) ? '' : `: ${detail}`}`;
}

function stageLines({ stages }: Explanation): string[] {
  const rows = stages.flatMap(({ stage, outcome, milliseconds, how, detail, plugins }) => [
    [stage, outcome, how === 'assumed' ? '-' : time(milliseconds), how, cut(detail)],
    ...plugins.map((answer) => [
      `  ${answer.plugin}`,
      answer.outcome,
      answer.milliseconds === null ? '' : time(answer.milliseconds),
      '',
      cut(answer.detail),
    ]),
  ]);
  return table(['stage', 'outcome', 'ms', 'how', 'detail'], rows);
}

function ruleLines({ rules }: Explanation): string[] {
  if (rules === null) return [];
  const { total, deciding, matching, nearest } = rules;
  const groups: [string, readonly ShownRule[]][] = [
    ['the rule that decided', deciding === null ? [] : [deciding]],
    ['other rules that match', matching],
    [`nearest rules that do not match, of ${total}`, nearest],
  ];
  return groups.flatMap(([title, shown]) => (shown.length === 0 ? [] : ['', title, ...shown.map(ruleLine)]));
}

function ruleLine({ plugin, from, effect, actions, pattern, maxQos, retain, why }: ShownRule): string {
  const limits = `${maxQos < 2 ? ` up to QoS ${maxQos}` : ''}${retain ? '' : ', not retained'}`;
  return `  ${cut(from)} (${plugin}): ${effect} ${actions.join(', ')} ${quoted(pattern)}${limits}${why.length === 0 ? '' : ` — ${cut(why.join('; '))}`}`;
}

function time(milliseconds: number): string {
  return milliseconds.toFixed(1);
}

function quoted(text: string): string {
  return JSON.stringify(cut(text));
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
