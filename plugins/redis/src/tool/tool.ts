import { BackendUnavailable } from '@portcullis/sdk';
import { ToolError, type ToolTerminal, UsageError } from '@portcullis/sdk/tools';
import { type Cluster, Redis } from 'ioredis';
import { chooseDatabase, openLookupClient, openSingleClient } from '../connections.js';
import { Layout } from '../layout.js';
import { asUnavailable, MalformedObject } from '../redis-errors.js';
import { describeServer, type ServerSettings } from '../settings.js';
import { Writer } from '../writer.js';
import { serverOf } from './address.js';
import { readToolArguments, type ToolArguments, type ToolCommand } from './arguments.js';
import { check } from './check.js';
import { Editor } from './editor.js';
import { addGroup, deleteGroup, joinGroup, leaveGroup, listGroups } from './groups.js';
import { restored } from './restored.js';
import { addRule, deleteRule, listRules } from './rules.js';
import type { ToolSession } from './session.js';
import { USAGE } from './usage.js';
import { addUser, deleteUser, enableUser, listUsers, setPassword, showUser } from './users.js';

/** Runs `portcullis-redis` and gives its exit status: 0 done, 1 not done, 2 not understood. */
export async function runRedisTool(
  args: readonly string[],
  terminal: ToolTerminal,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(USAGE);
    return 0;
  }
  try {
    const given = readToolArguments(args);
    return await connected(given, serverOf(given, env), terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.error(`portcullis-redis: ${error.message}; --help shows what there is\n`);
      return 2;
    }
    const isExpected =
      error instanceof ToolError || error instanceof MalformedObject || error instanceof BackendUnavailable || error instanceof RangeError;
    if (!isExpected) throw error;
    terminal.error(`portcullis-redis: ${error.message}\n`);
    return 1;
  }
}

async function connected(given: ToolArguments, server: ServerSettings, terminal: ToolTerminal): Promise<number> {
  const client = server.kind === 'cluster' ? openLookupClient(server) : openSingleClient(server);
  let problem: unknown = null;
  client.on('error', (error: unknown) => {
    problem = error;
  });
  if (server.kind === 'cluster') client.on('node error', (error: unknown) => (problem = error));
  try {
    await connect(client, server).catch((error: unknown) => {
      throw new ToolError(asUnavailable(problem ?? error, describeServer(server)).message);
    });
    if (client instanceof Redis) await chooseDatabase(client, describeServer(server));
    const layout = new Layout(given.prefix);
    const writer = new Writer(client, layout);
    const editor = new Editor(client, layout, writer);
    if (given.command.kind === 'check') return await check({ client, server, layout, editor, terminal });
    if (given.command.kind === 'restored') await restored({ editor, writer, terminal, tenant: given.tenant });
    else await run({ editor, terminal, tenant: given.tenant }, given.command);
    return 0;
  } finally {
    client.disconnect();
  }
}

/** A cluster tries for ever: somebody waits in front of a terminal. */
async function connect(client: Redis | Cluster, { connectTimeoutMs }: ServerSettings): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('timed out')), connectTimeoutMs);
  });
  const connecting = client.connect();
  try {
    await Promise.race([connecting, late]);
  } finally {
    clearTimeout(timer);
    connecting.catch(() => {});
  }
}

async function run(session: ToolSession, command: ToolCommand): Promise<void> {
  switch (command.kind) {
    case 'user add':
      return await addUser(session, command);
    case 'user passwd':
      return await setPassword(session, command);
    case 'user disable':
    case 'user enable':
      return await enableUser(session, command.name, command.kind === 'user enable');
    case 'user delete':
      return await deleteUser(session, command.name);
    case 'user show':
      return await showUser(session, command.name);
    case 'user list':
      return await listUsers(session);
    case 'group add':
      return await addGroup(session, command.name);
    case 'group delete':
      return await deleteGroup(session, command.name);
    case 'group join':
      return await joinGroup(session, command.group, command.user);
    case 'group leave':
      return await leaveGroup(session, command.group, command.user);
    case 'group list':
      return await listGroups(session);
    case 'rule add':
      return await addRule(session, command);
    case 'rule list':
      return await listRules(session, command.owner);
    case 'rule delete':
      return await deleteRule(session, command.owner, command.number);
  }
}
