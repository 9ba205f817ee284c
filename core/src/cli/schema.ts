import { type DescribedPlugin, loadableEntries, parseConfigFile, printableSchema } from '../config/index.js';
import { errorText } from '../errors.js';
import { loadPlugin } from '../hooks/loader.js';
import { printable, problemLines } from './print-problems.js';
import type { Terminal } from './terminal.js';

/**
 * `portcullis schema`: prints the JSON Schema of the configuration file, with the options of the plugins that the file names. Plugins that
 * cannot be loaded are left out with a word on standard error: whoever is still writing the file needs the rest.
 */
export async function printSchema(
  configFile: string,
  mayBeMissing: boolean,
  terminal: Terminal,
  load: typeof loadPlugin = loadPlugin,
): Promise<number> {
  const parsed = await parseConfigFile(configFile);
  const described: DescribedPlugin[] = [];
  if ('problems' in parsed) {
    if (!(parsed.missing && mayBeMissing)) {
      for (const line of problemLines(configFile, parsed.problems)) terminal.complain(line);
      return 1;
    }
  } else {
    for (const { use, isolation } of loadableEntries(parsed.document)) {
      try {
        const { definition } = await load(use, parsed.document.folder, isolation);
        described.push({ use, schema: definition.config });
      } catch (error) {
        terminal.complain(printable(`left out: ${errorText(error)}`));
      }
    }
  }
  terminal.print(JSON.stringify(printableSchema(described), null, 2));
  return 0;
}
