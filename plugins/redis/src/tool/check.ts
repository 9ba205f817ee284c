import { randomUUID } from 'node:crypto';
import { ruleProblem } from '@portcullis/sdk';
import { isPasswordHash } from '@portcullis/sdk/passwords';
import type { ToolTerminal } from '@portcullis/sdk/tools';
import { Cluster, type Redis } from 'ioredis';
import { openSingleClient } from '../connections.js';
import type { Layout } from '../layout.js';
import { decodeGroup, decodeUser, decodeVersion, type Fields, type UserRecord } from '../records.js';
import { asUnavailable } from '../redis-errors.js';
import { describeServer, type ServerSettings } from '../settings.js';
import type { Editor } from './editor.js';

export interface CheckOptions {
  readonly client: Redis | Cluster;
  readonly server: ServerSettings;
  readonly layout: Layout;
  readonly editor: Editor;
  readonly terminal: ToolTerminal;
}

/** Lines of one kind that are shown; the others are counted. */
const MAX_LINES = 50;
const PROBE_MS = 2000;
const OLDEST_VERSION = 6;

type Level = 'ok' | 'warning' | 'problem';

/** Says what it finds, line by line. */
class Report {
  readonly #terminal: ToolTerminal;
  readonly #counts = { ok: 0, warning: 0, problem: 0 };

  constructor(terminal: ToolTerminal) {
    this.#terminal = terminal;
  }

  get problems(): number {
    return this.#counts.problem;
  }

  say(level: Level, text: string): void {
    this.#counts[level] += 1;
    if (this.#counts[level] <= MAX_LINES) this.#terminal.out(`${level.padEnd(8)} ${text}\n`);
  }

  end(): void {
    for (const level of ['warning', 'problem'] as const) {
      if (this.#counts[level] > MAX_LINES) this.#terminal.out(`${level.padEnd(8)} and ${this.#counts[level] - MAX_LINES} more\n`);
    }
    this.#terminal.out(`${this.#counts.problem} problems, ${this.#counts.warning} warnings\n`);
  }
}

/** Looks at the server and at all keys of the layout. Gives the exit status: 1 with a problem. */
export async function check(options: CheckOptions): Promise<number> {
  const report = new Report(options.terminal);
  report.say('ok', `connected to ${describeServer(options.server)}${options.server.tls === null ? '' : ', by TLS with a verified certificate'}`);
  const nodes = options.client instanceof Cluster ? options.client.nodes('master') : [options.client];
  for (const node of nodes) await checkServer(report, node, options.server.kind);
  await checkChannel(report, options);
  await checkKeys(report, options);
  report.end();
  return report.problems === 0 ? 0 : 1;
}

async function checkServer(report: Report, node: Redis, kind: ServerSettings['kind']): Promise<void> {
  const where = kind === 'cluster' ? ` (${node.options.host}:${node.options.port})` : '';
  let info: ReadonlyMap<string, string>;
  try {
    info = readInfo(await node.info());
  } catch (error) {
    return report.say('problem', asUnavailable(error, 'INFO, which the broker needs:').message);
  }
  const version = info.get('redis_version') ?? '';
  const isOld = !(Number.parseInt(version, 10) >= OLDEST_VERSION);
  report.say(isOld ? 'problem' : 'ok', `version ${version || 'unknown'}${where}${isOld ? `; ${OLDEST_VERSION}.0 is the oldest that will do` : ''}`);
  const role = info.get('role') ?? 'unknown';
  if (role === 'master') report.say('ok', `a primary${where}`);
  else report.say('problem', `its role is ${role}${where}: users and rights are read from a primary`);
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  const isBounded = info.get('maxmemory') !== '0';
  if (policy.startsWith('allkeys')) {
    const what = `maxmemory-policy ${policy} throws away users and rights when memory is short${where}; use noeviction or volatile-ttl`;
    report.say(isBounded ? 'problem' : 'warning', what);
  } else report.say('ok', `maxmemory-policy ${policy} keeps what has no expiry${where}`);
  if (info.get('aof_enabled') === '1') report.say('ok', `appendonly is on${where}`);
  else report.say('warning', `appendonly is off${where}: a crash loses the changes since the last snapshot, revocations among them`);
  if (Number(info.get('connected_slaves') ?? 0) > 0 && info.get('min_slaves_good_slaves') === undefined) {
    report.say('warning', `min-replicas-to-write is 0${where}: a failover may lose the last changes, revocations among them`);
  }
}

/** Does what is published reach who listens, with the rights of this user? */
async function checkChannel(report: Report, { client, server, layout }: CheckOptions): Promise<void> {
  const [node] = client instanceof Cluster ? client.nodes('master') : [client];
  const address = client instanceof Cluster && node !== undefined ? { host: node.options.host ?? '', port: node.options.port ?? 0 } : undefined;
  const listener = openSingleClient(server, address);
  listener.on('error', () => undefined);
  try {
    const probe = JSON.stringify({ kind: 'probe', id: randomUUID() });
    const heard = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), PROBE_MS);
      listener.on('message', (_channel, text) => {
        if (text !== probe) return;
        clearTimeout(timer);
        resolve(true);
      });
    });
    try {
      await listener.connect();
      await listener.subscribe(layout.channel);
    } catch (error) {
      return report.say('problem', asUnavailable(error, `SUBSCRIBE ${layout.channel}, which the broker needs:`).message);
    }
    try {
      await client.publish(layout.channel, probe);
    } catch (error) {
      return report.say('warning', asUnavailable(error, `PUBLISH ${layout.channel}, which writers need and the broker does not:`).message);
    }
    if (await heard) report.say('ok', `what is published on ${layout.channel} is heard`);
    else report.say('problem', `what was published on ${layout.channel} was not heard within ${PROBE_MS} ms`);
  } finally {
    listener.disconnect();
  }
}

async function checkKeys(report: Report, { editor, layout }: CheckOptions): Promise<void> {
  const groups = new Set<string>();
  const memberships: (readonly [group: string, of: string])[] = [];
  const tenants = new Set<string | null>();
  let users = 0;
  for (const key of await editor.keys()) {
    const parsed = layout.parse(key);
    if (parsed !== null) tenants.add(parsed.tenant);
    if (parsed === null || parsed.kind === 'version' || parsed.kind === 'epoch') continue;
    try {
      const fields: Fields = await editor.fields(key);
      const user = parsed.kind === 'user' ? decodeUser(key, fields) : null;
      const record = user ?? decodeGroup(key, fields);
      const counter = layout.version(parsed.tenant);
      const counted = await editor.text(counter);
      const version = counted === null ? 0 : decodeVersion(counter, counted);
      if (record.version > version)
        report.say('problem', `${key}: has version ${record.version}, but its tenant only ${version}; run: portcullis-redis restored`);
      if ('deleted' in record) continue;
      for (const rule of record.rules) {
        const problem = ruleProblem(rule);
        if (problem !== null) report.say('problem', `${rule.from}: ${problem}`);
      }
      if (parsed.kind === 'group') groups.add(key);
      if (user === null || 'deleted' in user) continue;
      users += 1;
      checkUser(report, key, user);
      for (const group of user.groups) memberships.push([layout.group(parsed.tenant, group), key]);
    } catch (error) {
      report.say('problem', error instanceof Error ? error.message : String(error));
    }
  }
  for (const [group, key] of memberships) if (!groups.has(group)) report.say('problem', `${key}: is in a group that is not there (${group})`);
  for (const tenant of tenants) await checkHistory(report, editor, tenant);
  if (tenants.size === 0) report.say('warning', 'nothing is written yet: brokers refuse everybody as unavailable until something is');
  report.say('ok', `${users} users and ${groups.size} groups were read`);
}

/** Without its history, a tenant is taken for one whose data are lost. */
async function checkHistory(report: Report, editor: Editor, tenant: string | null): Promise<void> {
  for (const key of [editor.layout.epoch(tenant), editor.layout.version(tenant)]) {
    try {
      if ((await editor.text(key)) !== null) continue;
      const restored = `portcullis-redis restored${tenant === null ? '' : ` --tenant ${tenant}`}`;
      report.say('problem', `${key}: is missing, and brokers refuse everybody of the tenant; if all else is right, run: ${restored}`);
    } catch (error) {
      report.say('problem', error instanceof Error ? error.message : String(error));
    }
  }
}

function checkUser(report: Report, key: string, { hash }: UserRecord): void {
  if (hash !== '' && !isPasswordHash(hash))
    report.say('warning', `${key}: the password hash is damaged, of an unknown format or too expensive: nobody comes in by it`);
}

function readInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).map((line) => line.split(':'));
  return new Map(lines.filter(([name = '']) => name !== '' && !name.startsWith('#')).map(([name = '', ...value]) => [name, value.join(':')]));
}
