import { answeredLines, askRunning, type BrokerAddress } from './running-broker.js';
import type { Terminal } from './terminal.js';

/** `portcullis reload`: has the running broker reload as SIGHUP does, and waits for how that ends. */
export async function reload(address: BrokerAddress, json: boolean, terminal: Terminal): Promise<number> {
  // For as long as it takes: plugins have their own deadlines, and a backend that is waited for has none.
  const answer = await askRunning(address, { command: 'reload' }, null, terminal);
  if (typeof answer === 'number') return answer;
  if (json) terminal.print(JSON.stringify(answer));
  const { configFile } = address;
  if (!answer.ok) {
    if (json) return 1;
    for (const line of answeredLines(configFile, answer.problems)) terminal.complain(line);
    const more = Number(answer.omitted ?? 0);
    if (more > 0) terminal.complain(`… and ${more} more`);
    const files =
      'not everything could be read again: in its place stays what was read before, but a revocation list that is gone lets nobody in; all else is in force';
    terminal.complain(`portcullis: ${answer.what === 'files' ? files : 'reload refused, everything stays as it was'}`);
    return 1;
  }
  if (json) return 0;
  const warnings = Array.isArray(answer.warnings) ? answer.warnings : [];
  for (const line of answeredLines(configFile, warnings)) terminal.complain(`warning: ${line}`);
  const took = `${Number(answer.milliseconds ?? 0)} ms`;
  const files = `the configuration is as before; ${readAgain(answer.rereads)} (${took})`;
  terminal.print(answer.what === 'files' ? files : `reloaded: generation ${Number(answer.generation ?? 0)} is in force (${took})`);
  return 0;
}

/** Who has read its files again. A plugin that has none of its own, or does not know of `onReload`, is named: its author may have meant it to. */
function readAgain(rereads: unknown): string {
  const { read, nothing } = (rereads ?? {}) as { readonly read?: unknown; readonly nothing?: unknown };
  if (!Array.isArray(read) || !Array.isArray(nothing) || nothing.length === 0) return 'listeners and plugins have read their files again';
  const all = read.length + nothing.length;
  const some =
    read.length === 0 ? 'listeners have read their files again' : `listeners and ${read.length} of ${all} plugins have read their files again`;
  return `${some}; ${nothing.join(', ')} ${nothing.length === 1 ? 'has' : 'have'} nothing to read again`;
}
