import { verifyPassword } from '@portcullis/sdk/passwords';
import { systemClock, TimerWheel } from '../clock.js';
import { errorText } from '../errors.js';
import { installEscapeHandlers, PluginHost, StartError, type StartProblem, type StartRemark } from '../hooks/index.js';
import { Logger } from '../log.js';
import { PolicyEngine } from '../policy/index.js';
import { makeServices } from '../services.js';
import { Stats } from '../stats.js';
import { check } from './check.js';
import { type Everything, loadEverything } from './load-all.js';
import { problemLines } from './print-problems.js';
import { remarkWarnings } from './remarks.js';
import type { Terminal } from './terminal.js';

/**
 * `portcullis check --probe`: after the check, starts every plugin as the broker would, so that it connects to its backend, and stops it again.
 * Nothing listens, and nobody is asked anything. A backend that is down is a problem, whatever the plugin's startup mode makes of it.
 */
export async function probe(configFile: string, terminal: Terminal, load: typeof loadEverything = loadEverything): Promise<number> {
  let loaded: Everything | null = null;
  const status = await check(configFile, terminal, async (...args) => {
    const result = await load(...args);
    if (!('problems' in result)) loaded = result;
    return result;
  });
  const everything = loaded as Everything | null;
  if (status !== 0 || everything === null) return status;
  const { problems, remarks } = await startAndStop(everything, terminal);
  const { json } = everything.document;
  const lines = problemLines(
    configFile,
    problems.map(({ path, message }) => json.problemAtKey(path, message)),
  );
  for (const line of lines) terminal.print(line);
  const warnings = remarkWarnings(everything.document, remarks, everything.warnings);
  for (const line of problemLines(configFile, warnings)) terminal.print(`warning: ${line}`);
  if (problems.length > 0) return 1;
  terminal.print(
    everything.plugins.length === 1 ? 'the plugin starts, and can reach what it needs' : 'all plugins start, and can reach what they need',
  );
  return 0;
}

interface Started {
  readonly problems: readonly StartProblem[];
  readonly remarks: readonly StartRemark[];
}

async function startAndStop({ config, plugins }: Everything, terminal: Terminal): Promise<Started> {
  const log = new Logger((line) => terminal.complain(line), config.logLevel);
  const stats = new Stats();
  const failed = (error: unknown): void => log.error({ cause: errorText(error) }, 'a timer failed');
  const wheel = new TimerWheel(systemClock, failed);
  const { limits, folder: baseFolder } = config;
  const services = makeServices({
    engine: new PolicyEngine(),
    publishTo: new Map(),
    parts: () => null,
    reload: () => {},
    provideStores: () => {},
  });
  const chains = [...config.chains.values()];
  const host = new PluginHost({ plugins, chains, services, log, stats, wheel, limits, baseFolder, verify: verifyPassword });
  const uninstall = installEscapeHandlers(log, stats, () => host.roots);
  try {
    await host.prepare();
    const problems = [...host.standings].flatMap(([name, { whyDown }]) =>
      whyDown === null ? [] : [{ path: ['plugins', name], message: `the backend of plugin ${name} is down: ${whyDown}` }],
    );
    return { problems, remarks: host.remarks };
  } catch (error) {
    if (error instanceof StartError) return { problems: error.problems, remarks: [] };
    throw error;
  } finally {
    await host.dispose();
    uninstall();
    wheel.stop();
  }
}
