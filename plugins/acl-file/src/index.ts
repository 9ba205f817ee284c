import { basename, resolve } from 'node:path';
import { definePlugin, type Identity, InvalidPluginConfig, type PluginContext, type Rule, WatchedFile } from '@portcullis/sdk';
import { type Acl, parseAcl } from './parse-acl.js';

const ANONYMOUS = 'anonymous';
const PATTERN = 'pattern';

/**
 * Counts readings for as long as the process lives: a version that began again with a new generation of the configuration would be below
 * one that was announced before, and the broker would throw it away.
 */
let lastVersion = 0;

/** Gives clients the rights that an ACL file in Mosquitto's syntax says. */
export default definePlugin({
  name: 'acl-file',
  sdk: '^1.0.0',
  taps: ['loadPolicy'],
  capabilities: ['policy'],
  config: {
    type: 'object',
    required: ['file'],
    additionalProperties: false,
    properties: {
      file: {
        type: 'string',
        minLength: 1,
        existingFile: 'create it; an empty one denies everything',
        description: 'ACL file in the syntax of Mosquitto',
      },
      watch: { type: 'boolean', default: true, description: 'read the file again when it has changed (SIGHUP reads it in any case)' },
    },
  },

  async start(context, config) {
    const { hooks, policy } = context;
    const path = resolve(context.baseFolder, config.file);
    let users: ReadonlySet<string> = new Set();
    let version = 0;

    const file = new WatchedFile({
      path,
      gives: 'rules',
      hint: 'create it; an empty one denies everything',
      timers: context.timers,
      log: context.log,
      signal: context.signal,
      onText(text) {
        const acl = parseAcl(path, basename(path), text);
        replaceTemplates(context, path, acl);
        const isChange = version > 0;
        version = ++lastVersion;
        users = new Set(acl.users.keys());
        // After the templates: whoever is asked about again must find the new ones.
        if (isChange) policy.invalidate('all', version);
        report(context, path, acl);
      },
    });

    hooks.loadPolicy.tap(({ identity }, give) => give.policy({ version, templates: templatesFor(identity, users) }));

    await file.open();
    context.onReload(() => file.reload());
    if (config.watch) file.watch();
  },
});

function templatesFor(identity: Identity, users: ReadonlySet<string>): string[] {
  if (identity.anonymous === true) return [ANONYMOUS, PATTERN];
  return users.has(identity.username) ? [userTemplate(identity.username), PATTERN] : [PATTERN];
}

function userTemplate(name: string): string {
  return `user:${name}`;
}

function replaceTemplates({ policy }: PluginContext, path: string, acl: Acl): void {
  const templates = new Map<string, readonly Rule[]>([
    [ANONYMOUS, acl.anonymous],
    [PATTERN, acl.pattern],
  ]);
  for (const [name, rules] of acl.users) templates.set(userTemplate(name), rules);
  try {
    policy.replaceTemplates(templates);
  } catch (error) {
    throw new InvalidPluginConfig(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function report({ log }: PluginContext, file: string, acl: Acl): void {
  let rules = acl.anonymous.length + acl.pattern.length;
  for (const own of acl.users.values()) rules += own.length;
  if (acl.constantPatterns.length > 0) {
    const lines = acl.constantPatterns.slice(0, 20);
    log.warn({ file, lines, count: acl.constantPatterns.length }, 'patterns without %u or %c give the same right to everybody');
  }
  if (rules === 0) log.warn({ file }, 'the ACL file holds no rule: everything is denied');
  else log.info({ file, rules, users: acl.users.size }, 'rules read');
}
