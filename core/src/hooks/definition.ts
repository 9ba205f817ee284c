import { CAPABILITIES, type Capability, type PluginDefinition, SDK_VERSION } from '@portcullis/sdk';
import semver from 'semver';
import { AUTHORITY_ANSWERS, HOOK_NAMES, isAuthorityHook, isHookName } from './hook-table.js';
import { didYouMean } from './nearest-name.js';

const KEYS = ['name', 'sdk', 'decides', 'capabilities', 'taps', 'config', 'start'];

/** What is wrong with a definition; empty when nothing is. By structure, so that a definition made by another copy of the SDK is fine. */
export function definitionProblems(definition: unknown): string[] {
  if (!isRecord(definition)) return ['its default export is not a plugin definition'];
  const { name, sdk, decides, capabilities, taps, config, start } = definition;
  const problems: string[] = [];
  for (const key of Object.keys(definition)) if (!KEYS.includes(key)) problems.push(`unknown key "${key}" in its definition${didYouMean(key, KEYS)}`);
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) problems.push('"name" must be a letter, then letters, digits or "-"');
  problems.push(...rangeProblems(sdk));
  if (decides !== undefined) problems.push(...decidesProblems(decides));
  if (capabilities !== undefined) problems.push(...capabilityProblems(capabilities));
  if (taps !== undefined) problems.push(...tapsProblems(taps));
  if (!isRecord(config)) problems.push('"config" must be a JSON Schema');
  if (typeof start !== 'function') problems.push('"start" must be a function');
  return problems;
}

/** A copy that the plugin cannot change later. The definition must have no problems. */
export function copyDefinition(definition: PluginDefinition): PluginDefinition {
  const { name, sdk, decides, capabilities, taps, config } = definition;
  const copied = Object.entries(decides ?? {}).map(([hook, answers]) => [hook, Object.freeze([...(answers ?? [])])]);
  return Object.freeze({
    name,
    sdk,
    decides: Object.freeze(Object.fromEntries(copied)) as NonNullable<PluginDefinition['decides']>,
    capabilities: Object.freeze([...(capabilities ?? [])]),
    ...(taps === undefined ? {} : { taps: Object.freeze([...taps]) }),
    config,
    start: (context, value) => definition.start(context, value),
  } satisfies PluginDefinition);
}

function rangeProblems(range: unknown): string[] {
  if (typeof range !== 'string' || semver.validRange(range) === null) return ['"sdk" must be a range of SDK versions such as "^1.0.0"'];
  return semver.satisfies(SDK_VERSION, range) ? [] : [`it was built for SDK ${range}, this broker has SDK ${SDK_VERSION}`];
}

function decidesProblems(decides: unknown): string[] {
  if (!isRecord(decides)) return ['"decides" must be an object of hooks and answers'];
  return Object.entries(decides).flatMap(([hook, answers]) => {
    if (!isAuthorityHook(hook))
      return [`"decides" names "${hook}", which is no hook of authorities${didYouMean(hook, Object.keys(AUTHORITY_ANSWERS))}`];
    if (!Array.isArray(answers) || answers.length === 0) return [`"decides.${hook}" must list what the plugin may answer`];
    const possible: readonly unknown[] = AUTHORITY_ANSWERS[hook];
    return answers
      .filter((answer) => !possible.includes(answer))
      .map((answer) => `"decides.${hook}" lists ${show(answer)}; possible are ${possible.join(', ')}`);
  });
}

function tapsProblems(taps: unknown): string[] {
  if (!Array.isArray(taps)) return ['"taps" must be an array of hooks'];
  return taps
    .filter((hook) => typeof hook !== 'string' || !isHookName(hook))
    .map((hook) => `"taps" names the unknown hook ${show(hook)}${typeof hook === 'string' ? didYouMean(hook, HOOK_NAMES) : ''}`);
}

function capabilityProblems(capabilities: unknown): string[] {
  if (!Array.isArray(capabilities)) return ['"capabilities" must be an array'];
  return capabilities
    .filter((capability) => !CAPABILITIES.includes(capability as Capability))
    .map((capability) => `unknown capability ${show(capability)}${typeof capability === 'string' ? capabilityHint(capability) : ''}`);
}

function capabilityHint(capability: string): string {
  const near = didYouMean(capability, CAPABILITIES);
  return near === '' ? `; there are ${CAPABILITIES.join(', ')}` : near;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : `a ${typeof value}`;
}
