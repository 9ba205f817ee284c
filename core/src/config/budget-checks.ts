import type { JsonDocument } from './json-document.js';
import { type Problem, quoted } from './problem.js';
import { DEFAULT_BUDGETS } from './schema.js';

const ROLES = ['guards', 'authenticate', 'authorize'];

/**
 * Whether each plugin of a chain has less time than the chain. Where it has not, the chain's deadline always comes first, which says nothing of the
 * plugin: its breaker would never open, and every client would wait for a backend that is silent.
 */
export function checkBudgets(json: JsonDocument, warnings: Problem[]): void {
  for (const chain of json.node(['chains'])?.members?.keys() ?? []) {
    const deadlineMs = time(json, ['chains', chain, 'deadlineMs'], DEFAULT_BUDGETS.deadlineMs);
    const listed = ROLES.flatMap((role) => json.node(['chains', chain, role])?.items ?? []).map(({ value }) => value);
    for (const plugin of new Set(listed)) {
      if (typeof plugin !== 'string' || json.node(['plugins', plugin]) === null) continue;
      const own = ['plugins', plugin, 'timeoutMs'];
      const timeoutMs = time(json, own, DEFAULT_BUDGETS.timeoutMs);
      if (!(timeoutMs >= deadlineMs)) continue;
      const at = json.node(own) === null ? ['chains', chain, 'deadlineMs'] : own;
      const message = `plugin ${quoted(plugin)} has ${timeoutMs} ms for an answer, and its chain ${quoted(chain)} no more than ${deadlineMs} ms for all`;
      warnings.push(json.problem(at, message, 'its breaker never opens when it is silent: make "timeoutMs" less than "deadlineMs"'));
    }
  }
}

/** Not a number where it has the wrong type, which the schema has reported. */
function time(json: JsonDocument, path: readonly string[], initial: number): number {
  const value = json.node(path)?.value;
  return value === undefined ? initial : typeof value === 'number' ? value : Number.NaN;
}
