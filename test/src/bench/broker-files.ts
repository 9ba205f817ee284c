import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localhostCertificate } from './certificate.js';
import { PREFIX } from './generator/topology.js';
import type { Login, Target, Transport } from './load.js';
import type { Step } from './scenarios.js';

const USERS = 100;
/** What mosquitto_passwd of Mosquitto 2.0 takes. */
const PBKDF2_ROUNDS = 101;
const SECRET_MODE = 0o600;

/** What both brokers of a comparison are given: the same users, the same rules. */
export interface BrokerFiles {
  readonly folder: string;
  readonly passwords: string;
  readonly acl: string;
  readonly certificate: string;
  readonly key: string;
  readonly logins: readonly Login[];
}

/** Writes password file and access list, in the formats that Portcullis and Mosquitto share. */
export function writeSharedFiles(folder: string, { rules, users }: Pick<Step, 'rules' | 'users'>, transport: Transport): BrokerFiles {
  const [passwords, acl] = [join(folder, 'passwords'), join(folder, 'acl')];
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const all = users === 'many' ? Array.from({ length: USERS }, (_, index) => ({ username: `user-${index}`, password: `password-${index}` })) : [ONE];
  write(passwords, all.map(passwordLine).join(''));
  write(acl, all.map(({ username }) => aclOf(username, rules)).join(''));
  if (isEncrypted(transport)) {
    const pair = localhostCertificate();
    write(certificate, pair.certificate);
    write(key, pair.key);
  }
  return { folder, passwords, acl, certificate, key, logins: users === 'none' ? [] : all };
}

const ONE: Login = { username: 'bench', password: 'bench' };

function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: SECRET_MODE });
}

function passwordLine({ username, password }: Login): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, PBKDF2_ROUNDS, 64, 'sha512');
  return `${username}:$7$${PBKDF2_ROUNDS}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}

/** Rules that match nothing of the benchmark, then the one that allows it. */
function aclOf(username: string, rules: number): string {
  const others = Array.from({ length: rules - 1 }, (_, index) => `topic readwrite site/${index}/#\n`);
  return `user ${username}\n${others.join('')}topic readwrite ${PREFIX}/#\n`;
}

export function isEncrypted(transport: Transport): boolean {
  return transport === 'tls' || transport === 'wss';
}

export function targetOf(files: BrokerFiles, port: number, transport: Transport): Target {
  return { port, transport, certificate: isEncrypted(transport) ? readFileSync(files.certificate, 'utf8') : null };
}

const SCHEMES = { tcp: 'mqtt', ws: 'ws', tls: 'mqtts', wss: 'wss' } as const;

/** plugins.json with one listener; gives its path. */
export function writePluginsJson({ folder, passwords, acl, certificate, key, logins }: BrokerFiles, port: number, transport: Transport): string {
  const path = join(folder, 'plugins.json');
  const webPath = transport === 'ws' || transport === 'wss' ? '/mqtt' : '';
  const tls = isEncrypted(transport) ? { tls: { cert: certificate, key } } : {};
  const anonymous = logins.length === 0;
  const document = {
    version: 1,
    listeners: { bench: { url: `${SCHEMES[transport]}://127.0.0.1:${port}${webPath}`, chain: 'default', ...tls } },
    plugins: anonymous
      ? { anonymous: { use: '@portcullis/plugin-anonymous' } }
      : {
          passwords: { use: '@portcullis/plugin-password-file', config: { file: passwords } },
          rules: { use: '@portcullis/plugin-acl-file', config: { file: acl } },
        },
    chains: { default: anonymous ? { authenticate: ['anonymous'] } : { authenticate: ['passwords'], authorize: ['rules'] } },
    // All clients of a run may be one user, and more than any user has in daily life.
    sessions: { perPrincipal: 100_000 },
    log: { level: 'warn' },
  };
  write(path, `${JSON.stringify(document, null, 2)}\n`);
  return path;
}

/** mosquitto.conf with the same listener, users, rules and amount of log. Queues have no limit, so that none is lost on its account. */
export function writeMosquittoConf(files: BrokerFiles, port: number, transport: Transport, lines: readonly string[]): string {
  const path = join(files.folder, 'mosquitto.conf');
  const anonymous = files.logins.length === 0;
  const webSocket = transport === 'ws' || transport === 'wss';
  const text = [
    // Mosquitto 2.0.11 does not start when its only listener is for WebSocket.
    ...(webSocket ? [`listener 0 ${join(files.folder, 'unused.sock')}`] : []),
    `listener ${port} 127.0.0.1`,
    ...(webSocket ? ['protocol websockets'] : []),
    ...(isEncrypted(transport) ? [`certfile ${files.certificate}`, `keyfile ${files.key}`] : []),
    ...(anonymous ? ['allow_anonymous true'] : ['allow_anonymous false', `password_file ${files.passwords}`, `acl_file ${files.acl}`]),
    'persistence false',
    'max_queued_messages 0',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    // As root it would become another user, who cannot read these files.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    ...lines,
  ];
  write(path, `${text.join('\n')}\n`);
  return path;
}
