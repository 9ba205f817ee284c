import { ToolError, type ToolTerminal, UsageError } from '@portcullis/sdk/tools';
import { requireSchema, SchemaError } from '../schema/migrate.js';
import { DEFAULT_SCHEMA, schemaNameProblem } from '../schema/names.js';
import { readToolArguments, type ToolArguments, type ToolCommand } from './arguments.js';
import { check } from './check.js';
import { addGroup, deleteGroup, joinGroup, leaveGroup, listGroups } from './groups.js';
import { addRule, deleteRule, listRules } from './rules.js';
import { initSchema, markRestored, migrateSchema } from './schema-commands.js';
import { Session } from './session.js';
import { type Environment, type Target, targetOf } from './target.js';
import { targetsOfConfig } from './target-of-config.js';
import { USAGE } from './usage.js';
import { addUser, changePassword, deleteUser, enableUser, listUsers } from './users.js';
import { checkTenant } from './who.js';

/** Runs `portcullis-postgres` and gives its exit status: 0 done, 1 not done, 2 not understood. What is not done leaves the database as it was. */
export async function runPostgresTool(args: readonly string[], env: Environment, terminal: ToolTerminal): Promise<number> {
  if (args.length === 1 && (args[0] === '--help' || args[0] === '-h')) {
    terminal.out(USAGE);
    return 0;
  }
  let read: ToolArguments;
  try {
    read = readToolArguments(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.error(`portcullis-postgres: ${error.message}; --help shows all commands\n`);
    return 2;
  }
  try {
    return await run(read, env, terminal);
  } catch (error) {
    if (!(error instanceof ToolError || error instanceof SchemaError)) throw error;
    terminal.error(`portcullis-postgres: ${error.message}\n`);
    return 1;
  }
}

async function run(args: ToolArguments, env: Environment, terminal: ToolTerminal): Promise<number> {
  checkTenant(args.tenant);
  const targets = args.configFile === null ? [targetOf(args.url, env, args.secretsShown)] : targetsOfConfig(args.configFile, args.plugin, env);
  const schema = args.schema ?? targets[0]?.schema ?? DEFAULT_SCHEMA;
  const problem = schemaNameProblem(schema);
  if (problem !== null) throw new ToolError(`the schema name ${JSON.stringify(schema)} ${problem}`);
  const session = await openPrimary(targets, schema);
  try {
    if (args.command.kind === 'check') return await check(session, args.command.role, terminal);
    if (args.command.kind !== 'init' && args.command.kind !== 'migrate') await requireSchema(session, schema);
    terminal.out(`${await runCommand(args.command, session, args.tenant, terminal)}\n`);
    return 0;
  } finally {
    await session.close();
  }
}

/** Connects to the one of several servers that can be changed; where there is but one, to that, whatever it is. */
async function openPrimary(targets: readonly Target[], schema: string): Promise<Session> {
  const failures: string[] = [];
  for (const target of targets) {
    try {
      const session = await Session.open(target, schema);
      if (targets.length === 1 || !(await session.isReplica())) return session;
      await session.close();
      failures.push(`${target.where} is a replica`);
    } catch (error) {
      if (!(error instanceof ToolError) || targets.length === 1) throw error;
      failures.push(error.message);
    }
  }
  throw new ToolError(`none of the servers is the primary: ${failures.join('; ')}`);
}

function runCommand(command: Exclude<ToolCommand, { kind: 'check' }>, session: Session, tenant: string, terminal: ToolTerminal): Promise<string> {
  switch (command.kind) {
    case 'init':
      return initSchema(session, command.grantTo);
    case 'migrate':
      return migrateSchema(session, command.grantTo);
    case 'restored':
      return markRestored(session);
    case 'user add':
      return addUser(session, tenant, command, terminal);
    case 'user passwd':
      return changePassword(session, tenant, command, terminal);
    case 'user disable':
      return enableUser(session, tenant, command.name, false);
    case 'user enable':
      return enableUser(session, tenant, command.name, true);
    case 'user delete':
      return deleteUser(session, tenant, command.name);
    case 'user list':
      return listUsers(session, tenant, terminal);
    case 'group add':
      return addGroup(session, tenant, command.name);
    case 'group delete':
      return deleteGroup(session, tenant, command.name);
    case 'group join':
      return joinGroup(session, tenant, command.group, command.user);
    case 'group leave':
      return leaveGroup(session, tenant, command.group, command.user);
    case 'group list':
      return listGroups(session, tenant, terminal);
    case 'rule add':
      return addRule(session, tenant, command);
    case 'rule list':
      return listRules(session, tenant, command.owner, terminal);
    case 'rule delete':
      return deleteRule(session, tenant, command.id);
  }
}
