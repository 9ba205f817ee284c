import type { PluginDefinition } from '@portcullis/sdk';
import { authorityCases } from './authority-cases.js';
import { backendCases } from './backend-cases.js';
import { lifeCases } from './life-cases.js';
import type { ConformanceCase, ConformanceOptions } from './options.js';
import { rightsCases } from './rights-cases.js';
import { Trial } from './trial.js';

export type { BackendUnderTest, ConformanceCase, ConformanceOptions, ExpectedRight, TestCredentials } from './options.js';

/** Cases of the suite that failed. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
  readonly failures: readonly { readonly title: string; readonly error: unknown }[];

  constructor(plugin: string, failures: readonly { readonly title: string; readonly error: unknown }[], cases: number) {
    const lines = failures.map(({ title, error }) => `  - ${title}: ${error instanceof Error ? error.message : String(error)}`);
    super(`plugin ${plugin} fails ${failures.length} of ${cases} cases:\n${lines.join('\n')}`);
    this.failures = failures;
  }
}

/**
 * The cases that a plugin must pass, for a runner that wants to show each: hostile input, wrong answers, reloads, ends, secrets, and, with
 * `backend`, every way in which a backend fails. Each case has a broker of its own; they may not run at the same time.
 *
 * Throws a TypeError when the options leave out what the plugin's abilities need.
 */
export function conformanceCases(plugin: PluginDefinition, options: ConformanceOptions): readonly ConformanceCase[] {
  const trial = new Trial(plugin, options);
  const { authenticates, givesRights } = trial.abilities;
  if (authenticates && options.validCredentials === undefined)
    throw new TypeError('the suite for an authority needs validCredentials, an empty list for none');
  if (givesRights && options.rights === undefined)
    throw new TypeError('the suite for a plugin that gives rights needs rights: a list, empty for none, beside validCredentials');
  return [
    ...(authenticates ? authorityCases(trial) : []),
    ...(givesRights ? rightsCases(trial) : []),
    ...(options.backend === undefined ? [] : backendCases(trial, options.backend)),
    ...lifeCases(trial),
  ];
}

/** Runs all cases, one after the other. Rejects with a ConformanceError that names all that failed. */
export async function conformance(plugin: PluginDefinition, options: ConformanceOptions): Promise<void> {
  const cases = conformanceCases(plugin, options);
  const failures: { title: string; error: unknown }[] = [];
  for (const { title, run } of cases) {
    try {
      await run();
    } catch (error) {
      failures.push({ title, error });
    }
  }
  if (failures.length > 0) throw new ConformanceError(plugin.name, failures, cases.length);
}
