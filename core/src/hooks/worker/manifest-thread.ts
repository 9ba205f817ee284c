import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { ERRORS, errorText, PortcullisError } from '../../errors.js';
import { definitionProblems } from '../definition.js';
import { importText } from '../import-text.js';

// The thread that imports a plugin to read its manifest, and ends. Its code is not run by the broker's own thread, not even by an import.

const { file, root } = workerData as { file: string; root: string };

async function read(): Promise<{ ok: true; manifest: string } | { ok: false; problem: string }> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    return { ok: false, problem: await importText(error, file, root) };
  }
  if (!('default' in module)) return { ok: false, problem: 'its module has no default export; it must be what definePlugin returns' };
  const problems = definitionProblems(module.default);
  if (problems.length > 0) return { ok: false, problem: problems.join('; ') };
  const { start: _, ...manifest } = module.default as Record<string, unknown>;
  return { ok: true, manifest: JSON.stringify(manifest) };
}

if (parentPort === null) throw new PortcullisError(ERRORS.invariant, 'this module is for a worker');
const port = parentPort;
read().then(
  (result) => port.postMessage(result),
  (error: unknown) => port.postMessage({ ok: false, problem: `its manifest cannot be read: ${errorText(error)}` }),
);
