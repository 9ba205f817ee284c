import { resolve } from 'node:path';
import { type ClientInfo, type DecideGuard, type Decision, definePlugin, WatchedFile } from '@portcullis/sdk';
import { Bans, type Subject } from './bans.js';
import { parseBans } from './parse-bans.js';
import { Sweeper } from './sweeper.js';

const MAX_BYTES = 4 * 1024 * 1024;
const HINT = 'create it with a comment line; it bans nobody then';
/** A new configuration that starts may still be given up; then whoever is connected is none of its business. */
const FIRST_SWEEP_MS = 1000;
/** Whoever was on the way in when the list changed is connected by then, or refused. */
const SECOND_SWEEP_MS = 15_000;

/** The plugin, with a clock of milliseconds since 1970. */
export function makePlugin(now: () => number) {
  return definePlugin({
    name: 'ban-list',
    sdk: '^1.0.0',
    taps: ['acceptConnection', 'admitClient', 'admitIdentity', 'clientConnected'],
    capabilities: ['sessions'],
    config: {
      type: 'object',
      required: ['file'],
      additionalProperties: false,
      properties: {
        file: { type: 'string', minLength: 1, existingFile: HINT, description: 'list of bans, a line each' },
        watch: { type: 'boolean', default: true, description: 'read the file again when it has changed (SIGHUP reads it in any case)' },
        closeSockets: {
          type: 'boolean',
          default: false,
          description:
            'close sockets of banned addresses at once, on every listener: it costs less than a TLS handshake, but the client is not told why',
        },
      },
    },

    async start(context, config) {
      const { hooks, log, metrics, timers, signal, sessions } = context;
      const path = resolve(context.baseFolder, config.file);
      let bans: Bans | null = null;
      const isBanned = (subject: Subject): boolean => (bans ?? Bans.NONE).find(subject, now()) !== null;
      const sweeper = new Sweeper(sessions, timers, isBanned, (count) => {
        metrics.count('disconnected', count);
        log.info({ file: path, clients: count }, 'banned clients were disconnected');
      });

      const file = new WatchedFile({
        path,
        maxBytes: MAX_BYTES,
        gives: 'bans',
        hint: HINT,
        timers,
        log,
        signal,
        onText(text) {
          const isFirst = bans === null;
          bans = new Bans(parseBans(path, text));
          metrics.gauge('bans', bans.size);
          log.info({ file: path, bans: bans.size }, 'bans read');
          sweeper.sweepAfter(isFirst ? FIRST_SWEEP_MS : 0);
          sweeper.sweepAfter(SECOND_SWEEP_MS);
        },
      });

      const answer = (subject: Subject, decide: DecideGuard): Decision => {
        if (!isBanned(subject)) return decide.pass();
        metrics.count('refused');
        return decide.deny('banned');
      };

      if (config.closeSockets) {
        hooks.acceptConnection.tap(({ connection }, decide) =>
          answer({ address: connection.address, username: null, clientId: null, tenant: null }, decide),
        );
      }
      // A name that is only claimed is banned as well: no password is hashed for it.
      hooks.admitClient.tap(({ client, username, tenant }, decide) => answer(subjectOf(client, username, tenant), decide));
      hooks.admitIdentity.tap(({ client, identity, tenant }, decide) => answer(subjectOf(client, nameOf(identity), tenant), decide));
      // The list may have changed since the guards let it pass.
      hooks.clientConnected.tap(({ client, identity, tenant }) => {
        if (isBanned(subjectOf(client, nameOf(identity), tenant))) sweeper.disconnect(client.id, tenant);
      });

      await file.open();
      context.onReload(() => file.reload());
      if (config.watch) file.watch();
    },
  });
}

function nameOf(identity: { readonly anonymous?: boolean; readonly username?: string }): string | null {
  return identity.username ?? null;
}

function subjectOf(client: ClientInfo, username: string | null, tenant: string | null): Subject {
  return { address: client.connection.address, username, clientId: client.id, tenant };
}
