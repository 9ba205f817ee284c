import { isIP } from 'node:net';

/** Where one server is. */
export interface Server {
  /** Name, address, or folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

/** Reads `name`, `name:port`, an IPv6 address, `[address]:port` or a folder; null for anything else. */
export function parseServer(text: string, port: number): Server | null {
  if (text.startsWith('/')) return { host: text, port };
  if (isIP(text) === 6) return { host: text, port };
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const [, address, name, own] = match;
  if (address !== undefined && isIP(address) !== 6) return null;
  const chosen = own === undefined ? port : Number(own);
  return chosen < 1 || chosen > 65_535 ? null : { host: address ?? name ?? '', port: chosen };
}

/** Whether what is sent there stays on this machine. */
export function isLocal({ host }: Server): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function describeServer({ host, port }: Server): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
