import { type ConfigDocument, type Problem, sortProblems } from '../config/index.js';
import type { StartRemark } from '../hooks/index.js';

/** What started plugins are to be warned of, at its place in the file, but for what the check has found in their manifests already. */
export function remarkWarnings({ json }: ConfigDocument, remarks: readonly StartRemark[], known: readonly Problem[]): Problem[] {
  const found = remarks.map(({ path, message, hint }) => json.problemAtKey(path, message, hint));
  return sortProblems(found.filter(({ path, message }) => !known.some((problem) => problem.path === path && problem.message === message)));
}
