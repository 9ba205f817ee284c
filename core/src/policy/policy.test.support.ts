import type { Rule } from '@portcullis/sdk';
import { type Binding, type BindingInput, CompiledRules, PolicyEngine, type Variables } from './index.js';

export const NOBODY: Variables = { username: null, clientId: '', tenant: null, commonName: null, attributes: null };

/** Whether the rule allows (`+`) or denies (`-`), then the pattern; for all actions, unless told. */
export function rule(text: string, more: Partial<Rule> = {}): Rule {
  const effect = text.startsWith('-') ? 'deny' : 'allow';
  return { effect, actions: ['publish', 'subscribe', 'receive'], pattern: text.slice(1), from: `test ${text}`, ...more };
}

export function rules(...texts: string[]): Rule[] {
  return texts.map((text) => rule(text));
}

/** A client with own rules only. */
export function bound(own: readonly Rule[], variables: Partial<Variables> = {}, combine: BindingInput['combine'] = 'deny-overrides'): Binding {
  const sources = [{ plugin: 'own', templates: [], rules: CompiledRules.compile(own) }];
  return new PolicyEngine().bind({ combine, variables: { ...NOBODY, ...variables }, sources });
}

/** Whether a client may publish there, with QoS 0 and not retained. */
export function mayPublish(binding: Binding, topic: string): boolean {
  return binding.check('publish', topic, 0, false, -1) === 1;
}
