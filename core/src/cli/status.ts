import type { BrokerStatus, LimitReached, PluginStatus, TenantStatus } from '../broker-status.js';
import { printable } from './print-problems.js';
import type { ReloadResult } from './reloader.js';
import { answeredLines, askRunning, type BrokerAddress } from './running-broker.js';
import type { StatusReport } from './status-answer.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';
import { version } from './version.js';

/** A broker that does not say how it is within so many milliseconds is not well. */
const TIMEOUT_MS = 10_000;

/** `portcullis status`: prints how the running broker is, for people or, with `--json`, for programs. */
export async function status(address: BrokerAddress, json: boolean, terminal: Terminal): Promise<number> {
  const answer = await askRunning(address, { command: 'status' }, TIMEOUT_MS, terminal);
  if (typeof answer === 'number') return answer;
  if (!answer.ok) {
    for (const line of answeredLines(address.configFile, answer.problems)) terminal.complain(line);
    return 1;
  }
  // After an upgrade without a restart the broker and this command may not mean the same by it.
  const same = answer.version === version();
  if (!same)
    terminal.complain(printable(`portcullis: the broker runs version ${String(answer.version)}, this is ${version()}: its answer as it came`));
  if (json || !same) terminal.print(JSON.stringify(answer));
  else for (const line of statusLines(answer as unknown as StatusReport, address.configFile)) terminal.print(printable(line));
  return 0;
}

/** A report as lines for people. */
export function statusLines(report: StatusReport, configFile: string): string[] {
  const { version, pid, uptimeSeconds, generation, lastReload, counters, listeners, plugins, tenants, limitsReached } = report;
  const count = (name: string): number => counters[name] ?? 0;
  return [
    `Portcullis ${version}, process ${pid}, up ${duration(uptimeSeconds)}`,
    `configuration ${report.configFile}, generation ${generation.number} since ${time(generation.since)}`,
    ...reloadLines(lastReload, configFile),
    `${count('clientsConnected')} clients connected, ${count('sessions')} sessions, ${count('subscriptions')} subscriptions, ${count('connectionsHalfOpen')} connections half-open`,
    `${count('messagesReceived')} messages received, ${count('messagesSent')} sent, ${count('messagesQueued')} queued, ${count('retainedMessages')} retained`,
    `${count('connectsRefused')} logins refused, ${count('publishesDenied')} publishes denied, ${count('subscribesDenied')} subscriptions denied, ${count('pluginFaults')} faults of plugins`,
    rightsLine(counters),
    '',
    ...listenerLines(listeners),
    ...listLines(listeners),
    '',
    ...pluginLines(plugins),
    ...tenantLines(tenants),
    ...(limitsReached.length === 0 ? [] : ['', 'limits reached since the start', ...limitsReached.map(limitLine)]),
  ];
}

/** How far behind their source the rights are, and what has lost its own. */
function rightsLine(counters: StatusReport['counters']): string {
  const count = (name: string): number => counters[name] ?? 0;
  const waiting = count('rechecksWaiting');
  const lag = `revocation lag ${count('revocationLagMs')} ms, at most ${count('revocationLagMaxMs')} ms${waiting === 0 ? '' : `, ${waiting} clients still to be judged`}`;
  return `${lag}; policy stale for ${count('policyStale')} clients; ${count('subscriptionsSuspended')} subscriptions suspended`;
}

function reloadLines(last: ReloadResult | null, configFile: string): string[] {
  if (last === null) return ['not reloaded yet'];
  const { ok, by, at, what, problems } = last;
  const asked = by === 'SIGHUP' ? 'SIGHUP' : 'portcullis reload';
  const how = !ok ? `refused, ${problems.length} problem${problems.length === 1 ? '' : 's'}` : what === 'files' ? 'files read again' : 'in force';
  return [`last reload ${time(at)} by ${asked}: ${how}`, ...answeredLines(configFile, problems).map((line) => `  ${line}`)];
}

function listenerLines(listeners: BrokerStatus['listeners']): string[] {
  return table(
    ['listener', 'url', 'chain', 'connections'],
    listeners.map(({ name, url, chain, connections }) => [name, url, chain, connections]),
  );
}

/** Revocation lists, and until when they count. */
function listLines(listeners: BrokerStatus['listeners']): string[] {
  const rows = listeners.flatMap(({ name, revocationLists }) =>
    revocationLists.map(({ file, issuer, revoked, thisUpdate, nextUpdate, gone }) => {
      const isOver = nextUpdate !== null && nextUpdate < Date.now();
      const state = isOver ? 'EXPIRED' : thisUpdate > Date.now() ? 'NOT YET VALID' : gone ? 'FILE GONE' : 'in force';
      return [name, issuer, revoked, state, nextUpdate === null ? 'never' : time(nextUpdate), file];
    }),
  );
  return rows.length === 0 ? [] : ['', ...table(['listener', 'revocation list of', 'revoked', 'state', 'expires', 'file'], rows)];
}

function pluginLines(plugins: readonly PluginStatus[]): string[] {
  const rows = plugins.map((plugin) => {
    const { name, asked, waiting, faults, timeouts, overloads, lateAnswers, secondAnswers, foreignAnswers } = plugin;
    const from = `${plugin.package} ${plugin.version}`;
    return [name, from, stateOf(plugin), asked, waiting, faults, timeouts, overloads, lateAnswers, secondAnswers, foreignAnswers];
  });
  const why = plugins.flatMap(({ name, whyDown }) => (whyDown === null ? [] : [`  ${name} is down: ${whyDown}`]));
  return [...table(['plugin', 'package', 'state', 'open', 'waiting', 'faults', 'time-outs', 'overloads', 'late', 'second', 'foreign'], rows), ...why];
}

function tenantLines(tenants: readonly TenantStatus[]): string[] {
  if (tenants.length === 0) return [];
  const of = (used: number, limit: number | null): string => (limit === null ? String(used) : `${used} of ${limit}`);
  const rows = tenants.map(({ name, sessions, retainedMessages, retainedBytes, queuedBytes, limits }) => [
    name,
    of(sessions, limits.sessions),
    of(retainedMessages, limits.retainedMessages),
    of(retainedBytes, limits.retainedBytes),
    of(queuedBytes, limits.queuedBytes),
  ]);
  return ['', ...table(['tenant', 'sessions', 'retained', 'retained bytes', 'queued bytes'], rows)];
}

/** One word for what its clients meet. */
function stateOf({ state, startup, breaker }: PluginStatus): string {
  if (state === 'down') return startup === 'gate' ? 'gated' : 'down';
  return state === 'ready' && breaker === 'open' ? 'breaker open' : state;
}

function limitLine({ limits, counter, times }: LimitReached): string {
  return `  ${limits.join(', ')}: ${counter} ${times}`;
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first < 0 ? 3 : first)
    .slice(0, 2)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}
