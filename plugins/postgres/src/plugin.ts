import {
  BackendUnavailable,
  definePlugin,
  InvalidPluginConfig,
  type PluginContext,
  type PluginDefinition,
  SourceVersions,
  VouchedUsers,
} from '@portcullis/sdk';
import type pg from 'pg';
import { markOf, tapAnswers } from './answers.js';
import type { Change } from './changes.js';
import { CONFIG } from './config.js';
import { type ConnectOptions, destroy } from './connect.js';
import { connectToAny } from './connect-to-any.js';
import { Database } from './database.js';
import { errorText, startError } from './database-errors.js';
import { checkStatement } from './describe-statement.js';
import { Directory } from './directory.js';
import { Listener } from './listener.js';
import { RealTimers } from './real-timers.js';
import { requireSchema, SchemaError } from './schema/migrate.js';
import { readSettings, type Settings } from './settings.js';
import { OwnSource, SchemaSource } from './source.js';
import { type Statements, statementsOf } from './statements.js';
import { Updates } from './updates.js';

/** Users, groups and rules from PostgreSQL. */
export const plugin: PluginDefinition<typeof CONFIG> = definePlugin({
  name: 'postgres',
  sdk: '^1.0.0',
  taps: ['authenticate', 'refreshIdentity', 'loadPolicy'],
  decides: { authenticate: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
  capabilities: ['policy', 'sessions'],
  config: CONFIG,

  async start(context, config) {
    const settings = readSettings(config, context);
    const statements = statementsOf(settings);
    const parts = makeParts(context, settings, statements);
    context.onDispose(() => parts.stop());
    try {
      await begin(context, settings, statements, parts);
    } catch (error) {
      parts.stop();
      throw error;
    }
    tapAnswers(context, parts);
    // In a thread that was replaced the templates of those who are connected have yet to be made.
    if (parts.vouched.hasForgotten) context.policy.invalidate('all');
    context.onReload(() => parts.updates.take([{ kind: 'all' }]));
  },
});

interface Parts {
  readonly timers: RealTimers;
  readonly versions: SourceVersions;
  readonly database: Database;
  readonly directory: Directory;
  readonly vouched: VouchedUsers;
  readonly updates: Updates;
  readonly connectOptions: ConnectOptions;
  listener: Listener | null;
  stop(): void;
}

function makeParts(context: PluginContext, settings: Settings, statements: Statements): Parts {
  const { log, policy, sessions } = context;
  const timers = new RealTimers();
  const versions = new SourceVersions();
  const controller = new AbortController();
  const { signal } = controller;
  const database = new Database({ settings, statements, versions, timers, log, signal });
  const groupFailed = (tenant: string | null, group: string | null, error: unknown): void => {
    log.error({ tenant, group, why: errorText(error) }, 'a group has changed and cannot be read: rights that rest on it cannot be confirmed');
    // Whoever needs it is asked about, and the answer is a fault for as long as it cannot be read.
    policy.invalidate({ tenant });
  };
  const directory = new Directory({ settings, statements, database, versions, timers, policy, groupFailed });
  const vouched: VouchedUsers = new VouchedUsers({
    entry: context.name,
    sessions,
    timers,
    leaseMs: settings.leaseMs,
    maxUsers: settings.maxUsers,
    failed: (error) => log.error({ why: errorText(error) }, 'a user has changed and cannot be read: his connections end'),
    async read(tenant, username) {
      const found = await directory.user(tenant, username);
      return found?.value.isEnabled === true ? markOf(vouched, found.value) : null;
    },
  });
  const updates = new Updates({ directory, vouched, policy, versions });
  const parts: Parts = {
    timers,
    versions,
    database,
    directory,
    vouched,
    updates,
    connectOptions: { settings, timers, pipeline: false, signal },
    listener: null,
    stop() {
      controller.abort(new BackendUnavailable('the plugin stops'));
      parts.listener?.stop();
      database.stop();
      vouched.release();
      timers.stop();
    },
  };
  return parts;
}

/** Checks what can be checked, connects, and listens before anything is answered. */
async function begin(context: PluginContext, settings: Settings, statements: Statements, parts: Parts): Promise<void> {
  const { database, directory, connectOptions } = parts;
  const { metrics, log } = context;
  const client = await connectToAny(settings.servers, 'primary', connectOptions);
  try {
    if (settings.queries === null) await checkSchema(client, settings.schema);
    for (const statement of Object.values(statements)) if (statement !== null) await checkStatement(client, statement);
    await database.start();
    if (settings.channel === null) {
      // Nobody says when something has changed: what is kept ends with its lease.
      destroy(client);
      log.warn({ leaseSeconds: settings.leaseMs / 1000 }, 'without push a change counts only when the lease ends');
      return;
    }
    const heard = (isHeard: boolean): void => {
      database.isHeard = isHeard;
      directory.heard(isHeard);
      metrics.gauge('pushStale', isHeard ? 0 : 1);
      if (!isHeard) metrics.count('pushLost');
    };
    parts.listener = makeListener(context, settings, statements, parts, settings.channel, heard);
    await parts.listener.start(client);
  } catch (error) {
    destroy(client);
    throw error instanceof InvalidPluginConfig ? error : startError(error);
  }
}

function makeListener(
  { log }: PluginContext,
  settings: Settings,
  statements: Statements,
  { versions, timers, updates, database, connectOptions }: Parts,
  channel: string,
  heard: (isHeard: boolean) => void,
): Listener {
  const { state } = statements;
  const isSchema = settings.queries === null && state !== null;
  const source = isSchema ? new SchemaSource(versions, state, settings.schema) : new OwnSource(versions, state);
  database.source = source;
  return new Listener({
    channel,
    heartbeatMs: settings.heartbeatMs,
    answerMs: settings.statementTimeoutMs * 2,
    source,
    timers,
    log,
    connect: () => connectToAny(settings.servers, 'primary', connectOptions),
    answerable: () => database.answerable(),
    notify: (to, payload) => database.tell('select pg_catalog.pg_notify($1, $2)', [to, payload]),
    changed: (changes: readonly Change[]) => updates.take(changes),
    heard,
  });
}

async function checkSchema(client: pg.Client, schema: string): Promise<void> {
  try {
    await requireSchema(client, schema);
  } catch (error) {
    throw error instanceof SchemaError ? new InvalidPluginConfig(error.message) : error;
  }
}
