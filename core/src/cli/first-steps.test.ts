import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printFirstSteps, type ReachableListener } from './first-steps.js';
import { printAdministrator } from './quickstart.js';

const ADMIN = { username: 'admin', password: 'abc' };

function printed(listeners: readonly Partial<ReachableListener>[]): string[] {
  const lines: string[] = [];
  const full = listeners.map(
    (listener): ReachableListener => ({
      scheme: 'mqtt',
      host: '127.0.0.1',
      port: 40001,
      path: '',
      certificateFile: null,
      clientCertificate: false,
      ...listener,
    }),
  );
  printFirstSteps(ADMIN, full, (line) => lines.push(line));
  return lines;
}

test('the administrator is printed with the password', () => {
  const lines: string[] = [];
  printAdministrator(ADMIN, (line) => lines.push(line));
  assert.deepEqual(lines, [
    'An administrator was made. The password is shown only this once; the broker keeps a hash.',
    '  username: admin',
    '  password: abc',
  ]);
});

test('what to try first is printed with the ports that hold', () => {
  assert.deepEqual(printed([{}, { scheme: 'ws', host: '::1', port: 40002, path: '/mqtt' }]), [
    'Try it, in two terminals:',
    "  mosquitto_sub -h 127.0.0.1 -p 40001 -u admin -P abc -t 'demo/#' -v",
    "  mosquitto_pub -h 127.0.0.1 -p 40001 -u admin -P abc -t demo/hello -m 'it works'",
    'WebSocket: ws://[::1]:40002/mqtt',
  ]);
});

test('TLS listeners are tried with their certificate, and with one of the client where it is required', () => {
  const tls = { scheme: 'mqtts', port: 8883, certificateFile: '/etc/mqtt/cert.pem' } as const;
  assert.equal(printed([tls])[1], "  mosquitto_sub -h 127.0.0.1 -p 8883 --cafile /etc/mqtt/cert.pem -u admin -P abc -t 'demo/#' -v");
  const strict = printed([{ ...tls, certificateFile: "/srv/o'neil/cert.pem", clientCertificate: true }]);
  assert.match(strict[1] ?? '', / --cafile '\/srv\/o'\\''neil\/cert\.pem' --cert CLIENT\.crt --key CLIENT\.key -u admin /);
  assert.deepEqual(printed([{ scheme: 'wss', port: 8084, path: '/mqtt' }]), ['WebSocket: wss://127.0.0.1:8084/mqtt']);
});

test('a Unix socket is tried by its path, but only where there is no port', () => {
  const unix = { scheme: 'unix', host: '', port: 0, path: '/run/mqtt.sock' } as const;
  assert.equal(printed([unix])[1], "  mosquitto_sub --unix /run/mqtt.sock -u admin -P abc -t 'demo/#' -v");
  assert.match(printed([unix, {}])[1] ?? '', / -h 127\.0\.0\.1 -p 40001 /);
});
