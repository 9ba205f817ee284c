import { resolve } from 'node:path';
import { type Credentials, type DecideIdentity, type Decision, definePlugin, type PluginContext, WatchedFile } from '@portcullis/sdk';
import { LastRead } from './last-read.js';
import { Users } from './users.js';

/** DISCONNECT "not authorized". */
const NOT_AUTHORIZED = 0x87;
const OTHERS_MODE = 0o077;
/** Disconnections between two turns of the event loop; a file may lose all its users at once. */
const DISCONNECTS_PER_TURN = 100;

/** The next configuration generation must see whose password has changed since this one read the file. */
const lastRead = new LastRead();

/** Knows users by a password file in the format of mosquitto_passwd. */
export default definePlugin({
  name: 'password-file',
  sdk: '^1.0.0',
  taps: ['authenticate', 'refreshIdentity'],
  decides: { authenticate: ['deny', 'skip', 'allow'], refreshIdentity: ['allow', 'deny'] },
  capabilities: ['sessions'],
  config: {
    type: 'object',
    required: ['file'],
    additionalProperties: false,
    properties: {
      file: {
        type: 'string',
        minLength: 1,
        existingFile: 'create it with: npx portcullis-passwd -c <file> <username>',
        description: 'password file, as portcullis-passwd or mosquitto_passwd writes it',
      },
      watch: { type: 'boolean', default: true, description: 'read the file again when it has changed (SIGHUP reads it in any case)' },
    },
  },

  async start(context, config) {
    const { hooks, log, timers, signal } = context;
    const path = resolve(context.baseFolder, config.file);
    let users = lastRead.hold(path);
    context.onDispose(() => lastRead.release(path));

    const file = new WatchedFile({
      path,
      gives: 'users',
      hint: `create it with: npx portcullis-passwd -c ${path} <username>`,
      timers,
      log,
      signal,
      onText(text, { mode }) {
        const next = Users.parse(path, text);
        const revoked = users.revokedBy(next);
        users = next;
        lastRead.keep(path, next);
        report(context, path, next, mode);
        disconnect(context, revoked);
      },
    });

    hooks.authenticate.tap(({ credentials }, decide) => {
      const name = credentials.username;
      return name === null ? decide.skip() : authenticate(name, credentials, decide);
    });

    async function authenticate(name: string, credentials: Credentials, decide: DecideIdentity): Promise<Decision> {
      const stored = users.hashOf(name);
      if (stored === undefined) {
        // The answer is the same whatever this says: only the time that it takes counts.
        await credentials.verify(users.decoyFor(name));
        return decide.skip();
      }
      if (!(await credentials.verify(stored))) return decide.deny('bad-credentials');
      // The file may have been read again meanwhile; a user that was taken out in that moment has no session yet that could be ended.
      if (users.hashOf(name) !== stored) return decide.deny('bad-credentials');
      return decide.allow({ identity: { username: name } });
    }

    hooks.refreshIdentity.tap(({ identity }, decide) => {
      const known = identity.anonymous !== true && users.hashOf(identity.username) !== undefined;
      return known ? decide.allow() : decide.deny('not-authorized');
    });

    await file.open();
    context.onReload(() => file.reload());
    if (config.watch) file.watch();
  },
});

function report({ log }: PluginContext, file: string, users: Users, mode: number): void {
  if ((mode & OTHERS_MODE) !== 0) log.warn({ file, mode: mode.toString(8) }, 'the password file is open to other accounts; chmod 600 closes it');
  if (users.size === 0) log.warn({ file }, 'the password file holds no user');
  else log.info({ file, users: users.size }, 'users read');
}

/** Ends the sessions of users that are gone or have another password: whoever knew the old one must not stay. */
function disconnect(context: PluginContext, names: string[]): void {
  for (const username of names.splice(0, DISCONNECTS_PER_TURN)) context.sessions.disconnect({ username }, NOT_AUTHORIZED);
  if (names.length > 0) context.timers.after(1, () => disconnect(context, names));
}
