import type { ListenerConfig, PortcullisConfig } from '../config/index.js';
import type { Administrator } from './quickstart.js';

/** A bound listener as clients see it. */
export interface ReachableListener {
  readonly scheme: ListenerConfig['scheme'];
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** File of the broker's own certificate, of TLS listeners. */
  readonly certificateFile: string | null;
  /** Whether clients must show a certificate. */
  readonly clientCertificate: boolean;
}

/** The listeners of a configuration with the ports that they were given. */
export function reachableListeners(bound: readonly { readonly name: string; readonly url: string }[], config: PortcullisConfig): ReachableListener[] {
  return config.listeners.map(({ name, scheme, host, port, path, tls }) => {
    const url = bound.find((listener) => listener.name === name)?.url;
    // The usual port of its scheme has no place in a url.
    const given = url === undefined || scheme === 'unix' ? '' : new URL(url).port;
    return {
      scheme,
      host: reachable(host),
      port: given === '' ? port : Number(given),
      path,
      certificateFile: tls?.files[0] ?? null,
      clientCertificate: tls?.material.clientCertificate === 'required',
    };
  });
}

/** Prints what to try first. */
export function printFirstSteps({ username, password }: Administrator, listeners: readonly ReachableListener[], print: (line: string) => void): void {
  // Plain TCP first: it needs the fewest words.
  const first = (['mqtt', 'mqtts', 'unix'] as const).flatMap((scheme) => listeners.find((listener) => listener.scheme === scheme) ?? [])[0];
  if (first !== undefined) {
    const common = `${addressArguments(first)} -u ${username} -P ${password}`;
    print('Try it, in two terminals:');
    print(`  mosquitto_sub ${common} -t 'demo/#' -v`);
    print(`  mosquitto_pub ${common} -t demo/hello -m 'it works'`);
  }
  const web = listeners.find(({ scheme }) => scheme === 'ws') ?? listeners.find(({ scheme }) => scheme === 'wss');
  if (web !== undefined) print(`WebSocket: ${web.scheme}://${web.host.includes(':') ? `[${web.host}]` : web.host}:${web.port}${web.path}`);
}

function addressArguments({ scheme, host, port, path, certificateFile, clientCertificate }: ReachableListener): string {
  if (scheme === 'unix') return `--unix ${shellWord(path)}`;
  const plain = `-h ${host} -p ${port}`;
  if (certificateFile === null) return plain;
  const own = clientCertificate ? ' --cert CLIENT.crt --key CLIENT.key' : '';
  return `${plain} --cafile ${shellWord(certificateFile)}${own}`;
}

function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** An address to connect to; those that mean "every address" are only good for listening. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}
