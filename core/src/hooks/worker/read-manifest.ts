import { Worker } from 'node:worker_threads';
import type { PluginDefinition } from '@portcullis/sdk';
import { errorText } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { copyDefinition, definitionProblems } from '../definition.js';
import { threadOptions } from './thread-options.js';

/** Longest manifest, its JSON Schema included, in characters. */
const MAX_MANIFEST = 1_048_576;

/**
 * The manifest of a plugin that lives in a worker, read in a worker that ends at once. Rejects in a line when it is not one, or is not there
 * within so many milliseconds. `start` of what it resolves with throws: the plugin's own is in its worker.
 */
export async function readManifest(file: string, root: string, milliseconds: number): Promise<PluginDefinition> {
  const worker = new Worker(new URL('./manifest-thread.js', import.meta.url), {
    ...threadOptions(LIMITS.workerMemoryBytes.default),
    workerData: { file, root },
  });
  worker.stdout.resume();
  worker.stderr.resume();
  try {
    return definitionOf(await firstMessage(worker, file, milliseconds));
  } finally {
    await worker.terminate();
  }
}

function firstMessage(worker: Worker, file: string, milliseconds: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`importing ${file} has not ended within ${milliseconds / 1000} s`)), milliseconds);
    const end = (error: Error) => reject(error);
    worker.once('message', resolve);
    worker.once('error', (error) => end(new Error(`importing ${file} failed: ${errorText(error)}`)));
    worker.once('exit', (code) => end(new Error(`importing ${file} ended its thread with code ${code}`)));
    for (const event of ['message', 'error', 'exit']) worker.once(event, () => clearTimeout(timer));
  });
}

function definitionOf(answer: unknown): PluginDefinition {
  const { ok, manifest, problem } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (ok !== true) throw new Error(typeof problem === 'string' ? problem : 'its manifest cannot be read');
  if (typeof manifest !== 'string' || manifest.length > MAX_MANIFEST) throw new Error('its manifest is too long');
  const parsed: unknown = JSON.parse(manifest);
  const definition = { ...(parsed as object), start: () => Promise.reject(new Error('the plugin lives in a worker')) };
  // Looked at again: the thread may have said anything.
  const problems = definitionProblems(definition);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return copyDefinition(definition as unknown as PluginDefinition);
}
