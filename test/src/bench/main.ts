// `npm run bench`: measures Portcullis, alone or beside other brokers. `npm run bench -- --help` lists the options.
import { parseArguments, USAGE } from './arguments.js';
import { bench, scenarioList } from './bench.js';
import { BenchError } from './bench-error.js';
import { cleanUpAtTheEnd } from './running.js';

const print = (text: string): void => void process.stdout.write(text);

async function main(): Promise<number> {
  const options = parseArguments(process.argv.slice(2));
  if (options.action === 'help') print(USAGE);
  else if (options.action === 'list') print(`${scenarioList()}* runs when no scenario is named\n`);
  else return bench(options, { print, tell: (line) => void process.stderr.write(`${line}\n`) });
  return 0;
}

cleanUpAtTheEnd();
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
