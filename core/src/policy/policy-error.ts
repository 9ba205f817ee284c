/** Rules that cannot be compiled, or a binding to a template that is not there. The message names where the rule comes from. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}
