import { LIMITS, type LimitName } from '../limits.js';
import type { JsonDocument } from './json-document.js';
import type { Problem } from './problem.js';

/** Limits that are sound each for itself and contradict each other. Looks only at pairs of which one was set and none has the wrong type. */
export function checkLimits(json: JsonDocument, problems: Problem[], warnings: Problem[]): void {
  const has = (name: LimitName): boolean => json.node(['limits', name]) !== null;
  const amount = (name: LimitName): number => {
    const value = json.node(['limits', name])?.value;
    return value === undefined ? LIMITS[name].default : typeof value === 'number' ? value : Number.NaN;
  };
  if (amount('reservedFileDescriptors') >= amount('maxFileDescriptors')) {
    const at = ['limits', 'reservedFileDescriptors'];
    problems.push(json.problem(at, 'must be less than "maxFileDescriptors"', 'no connection would be let in'));
  }
  if (has('maxHalfOpen') && amount('maxHalfOpen') >= amount('maxConnections')) {
    const hint = 'strangers can take every place';
    warnings.push(json.problem(['limits', 'maxHalfOpen'], 'is not less than "maxConnections"', hint));
  }
  if (has('maxPreAuthTotalBytes') && amount('maxPreAuthTotalBytes') < amount('preAuthBytes')) {
    const hint = 'one connection could take all of it';
    warnings.push(json.problem(['limits', 'maxPreAuthTotalBytes'], 'is less than "preAuthBytes"', hint));
  }
}
