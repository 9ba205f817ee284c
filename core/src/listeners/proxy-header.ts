import { BlockList, type Socket } from 'node:net';
import { type ProxySource, parseProxyHeader } from './proxy-protocol.js';

/**
 * Reads the PROXY header at the start of a connection and nothing more: what came with it is put back for whoever reads next. Exactly one of
 * the callbacks is called, and none when the socket is closed before.
 */
export function readProxyHeader(
  socket: Socket,
  maxBytes: number,
  done: (source: ProxySource | null) => void,
  failed: (detail: string) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const stop = (): void => {
    socket.off('readable', read);
    socket.off('end', ended);
  };
  const ended = (): void => {
    stop();
    failed('it ended before the PROXY header was whole');
  };
  const read = (): void => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes, maxBytes);
      if (header.kind === 'more') continue;
      stop();
      if (header.kind === 'malformed') return failed(header.detail);
      if (header.bytes < bytes.length) socket.unshift(bytes.subarray(header.bytes));
      return done(header.source);
    }
  };
  socket.on('readable', read);
  socket.on('end', ended);
}

/** Whether a peer is among the addresses and networks of a list. IPv4 and IPv6 apart: a list of Node's takes `::/0` to hold IPv4, too. */
export function trustedPeers(networks: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = familyOf(address);
    if (prefix === undefined) lists[family].addAddress(address, family);
    else lists[family].addSubnet(address, Number(prefix), family);
  }
  return (address) => address !== '' && lists[familyOf(address)].check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
