import { type Rule, ruleProblem } from '@portcullis/sdk';
import { shown, ToolError } from '@portcullis/sdk/tools';
import { decodeGroup, decodeUser, type Fields, type GroupRecord, MAX_RULES, type UserRecord } from '../records.js';
import type { RuleOwner, ToolCommand } from './arguments.js';
import { noGroup, there } from './missing.js';
import type { ToolSession } from './session.js';

type AddRule = Extract<ToolCommand, { readonly kind: 'rule add' }>;

export async function addRule(session: ToolSession, { owner, effect, actions, pattern, maxQos, retain }: AddRule): Promise<void> {
  const rule = { effect, actions, pattern, ...(maxQos !== null && { maxQos }), ...(retain !== null && { retain }) };
  const problem = ruleProblem(rule);
  if (problem !== null) throw new ToolError(problem);
  await changeRules(session, owner, (rules) => {
    if (rules.length >= MAX_RULES) throw new ToolError(`${named(owner)} has ${MAX_RULES} rules already, and no broker would read another`);
    return [...rules, rule];
  });
}

export async function deleteRule(session: ToolSession, owner: RuleOwner, number: number): Promise<void> {
  await changeRules(session, owner, (rules) => {
    if (number > rules.length) throw new ToolError(`${named(owner)} has no rule ${number}; rule list shows them`);
    return rules.filter((_, index) => index !== number - 1);
  });
}

export async function listRules(session: ToolSession, owner: RuleOwner): Promise<void> {
  const { editor, terminal, tenant } = session;
  const { fields } = await editor.read(owner.kind, tenant, owner.name);
  const rules = fields === null && owner.kind === 'everybody' ? [] : rulesOf(session, owner, present(fields, owner));
  terminal.out(rules.length === 0 ? `${named(owner)} has no rule\n` : rules.map((rule, index) => `${ruleLine(rule, index + 1)}\n`).join(''));
}

/** A rule as a line of a list. */
export function ruleLine({ effect, actions, pattern, maxQos, retain }: Rule, number: number): string {
  const limits = [...(maxQos === undefined ? [] : [`QoS ${maxQos} at most`]), ...(retain === false ? ['not retained'] : [])];
  return `${String(number).padStart(5)}  ${effect} ${actions.join(',')}  ${shown(pattern)}${limits.length === 0 ? '' : `  (${limits.join(', ')})`}`;
}

async function changeRules(session: ToolSession, owner: RuleOwner, edit: (rules: readonly object[]) => readonly object[]): Promise<void> {
  const { editor, terminal, tenant } = session;
  const version = await editor.change(owner.kind, tenant, owner.name, (fields) => {
    const old = fields === null && owner.kind === 'everybody' ? { rules: '[]' } : present(fields, owner);
    return { ...old, rules: JSON.stringify(edit(JSON.parse(old.rules ?? '[]') as readonly object[])) };
  });
  terminal.out(`rules of ${named(owner)} changed (version ${version})\n`);
}

function rulesOf({ editor, tenant }: ToolSession, owner: RuleOwner, fields: Fields): readonly Rule[] {
  const key = editor.layout.object(owner.kind, tenant, owner.name);
  const record = owner.kind === 'user' ? decodeUser(key, fields) : decodeGroup(key, fields);
  return (record as UserRecord | GroupRecord).rules;
}

function present(fields: Fields | null, { kind, name }: RuleOwner): Fields {
  if (fields !== null) return fields;
  if (kind === 'user') return there(null, name);
  throw noGroup(name);
}

function named({ kind, name }: RuleOwner): string {
  return kind === 'everybody' ? 'everybody' : `${kind} ${shown(name)}`;
}
