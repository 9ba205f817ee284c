import { join } from 'node:path';
import { Authority } from '../support/certificates.js';
import { demoClient, runDemo } from './demo.js';

// `npm run demo:tls`: users from certificates, by an authority that lives as long as the demonstration.

const server = await Authority.create('Demo: the broker');
const devices = await Authority.create('Demo: devices');
const own = await server.issue();
const [first, second] = await Promise.all(
  ['device-1', 'device-2'].map((name) =>
    devices.issue({
      subject: [
        ['OU', 'sensors'],
        ['CN', name],
      ],
      names: [],
      usage: 'client',
    }),
  ),
);
if (first === undefined || second === undefined) throw new Error('no certificates were made');

process.exitCode = await runDemo({
  title: 'A broker whose users are the common names of client certificates, each with a branch of topics of its own.',
  files: {
    'plugins.json': {
      version: 1,
      listeners: {
        devices: {
          url: 'mqtts://127.0.0.1:0',
          chain: 'devices',
          tls: { cert: 'tls/server.pem', key: 'tls/server.key', ca: 'tls/devices-ca.pem', crl: 'tls/devices.crl', clientCertificate: 'required' },
        },
      },
      plugins: {
        certs: { use: '@portcullis/plugin-tls-identity', config: { username: 'cn', groups: [{ from: 'ou' }] } },
        rules: { use: '@portcullis/plugin-acl-file', config: { file: 'acl' } },
      },
      chains: { devices: { authenticate: ['certs'], authorize: ['rules'] } },
      control: { socket: 'control.sock' },
      log: { allowedEvery: 1 },
    },
    acl: 'pattern readwrite devices/%u/#\n',
    'tls/server.pem': own.cert,
    'tls/server.key': own.key,
    'tls/server-ca.pem': server.pem,
    'tls/devices-ca.pem': devices.pem,
    'tls/devices.crl': await devices.list(),
    'tls/device-1-revoked.crl': await devices.list({ revoked: [first.cert] }),
    'tls/device-1.pem': first.cert,
    'tls/device-1.key': first.key,
    'tls/device-2.pem': second.cert,
    'tls/device-2.key': second.key,
  },
  steps({ folder, port }) {
    const { publish, subscribe } = demoClient();
    const tls = (name: string): string => join(folder, 'tls', name);
    const as = (device: string) => ({
      port: port('devices'),
      tls: { ca: tls('server-ca.pem'), cert: tls(`${device}.pem`), key: tls(`${device}.key`) },
    });
    return [
      {
        title: 'Log in with a certificate, no password; leave it running and publish from a third terminal.',
        commands: [subscribe(as('device-1'), 'devices/device-1/#'), publish(as('device-1'), 'devices/device-1/hello', 'hello')],
        shows: 'devices/device-1/hello hello',
      },
      {
        title: 'Let device-2 do the same, where it has no right to; then give it one.',
        commands: [
          publish(as('device-2'), 'devices/device-1/hello', 'from the other'),
          `printf 'user device-2\\ntopic write devices/+/hello\\n' >> ${join(folder, 'acl')}`,
          publish(as('device-2'), 'devices/device-1/hello', 'from the other'),
        ],
        shows: 'not authorized, and a second after the rule was added the message comes',
      },
      {
        title: 'Revoke the certificate of device-1.',
        commands: [`cp ${tls('device-1-revoked.crl')} ${tls('devices.crl')}`, publish(as('device-1'), 'devices/device-1/hello', 'still here')],
        shows: 'the subscriber is disconnected within a second, and no handshake with that certificate succeeds any more',
      },
    ];
  },
});
