import { loadEverything } from './load-all.js';
import { problemLines } from './print-problems.js';
import type { Terminal } from './terminal.js';

/** `portcullis check`: judges the configuration and loads its plugins, but starts and listens to nothing. */
export async function check(configFile: string, terminal: Terminal, load: typeof loadEverything = loadEverything): Promise<number> {
  const result = await load(configFile, terminal.env);
  if ('problems' in result) {
    for (const line of problemLines(configFile, result.problems)) terminal.print(line);
    return 1;
  }
  for (const line of problemLines(configFile, result.warnings)) terminal.print(`warning: ${line}`);
  const { listeners, plugins, chains } = result.config;
  terminal.print(`${configFile} is fine: ${count(listeners.length, 'listener')}, ${count(plugins.length, 'plugin')}, ${count(chains.size, 'chain')}`);
  return 0;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
