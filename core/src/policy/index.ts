export { Answer } from './answer.js';
export { Binding, type RuleOrigin } from './binding.js';
export { CompiledRules } from './compiled-rules.js';
export { type BindingInput, type BindingSource, PolicyEngine } from './engine.js';
export { type AskedRight, actionsOf, compareRule, type ListedRule, type RuleComparison } from './nearest-rules.js';
export { PolicyError } from './policy-error.js';
export type { SubscribeAnswer } from './subscribe-answer.js';
export type { Variables } from './variables.js';
