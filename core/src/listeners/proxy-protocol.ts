import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Where a proxy says that a connection comes from; the address is empty for a Unix socket of the proxy's. */
export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

/** What the first bytes of a connection are. */
export type ProxyHeader =
  /** So far so good, but not whole. */
  | { readonly kind: 'more' }
  /** A header of so many bytes; without a source, the addresses of the socket itself hold. */
  | { readonly kind: 'header'; readonly bytes: number; readonly source: ProxySource | null }
  | { readonly kind: 'malformed'; readonly detail: string };

const MORE: ProxyHeader = { kind: 'more' };
const V1_START = Buffer.from('PROXY ', 'latin1');
const V1_MAX_BYTES = 107;
const V1_ADDRESSES = /^PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})$/;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: .*)?$/s;
const V2_START = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED_BYTES = 16;
const MAX_PORT = 65_535;

const malformed = (detail: string): ProxyHeader => ({ kind: 'malformed', detail });

/**
 * Reads a PROXY protocol header, version 1 or 2, at the start of a buffer. Pure: asked again with more bytes after `more`.
 *
 * Anything but a whole and sound header is malformed, and known to be so as early as the bytes tell: whoever must send a header and does not
 * is not to be waited for. Nothing is cut to fit.
 */
export function parseProxyHeader(buffer: Buffer, maxBytes: number): ProxyHeader {
  if (buffer.length === 0) return MORE;
  if (startsLike(buffer, V1_START)) return parseV1(buffer);
  if (startsLike(buffer, V2_START)) return parseV2(buffer, maxBytes);
  return malformed('there is no PROXY header');
}

/** Whether the buffer begins with these bytes, as far as it goes. */
function startsLike(buffer: Buffer, start: Buffer): boolean {
  const common = Math.min(buffer.length, start.length);
  return buffer.compare(start, 0, common, 0, common) === 0;
}

function parseV1(buffer: Buffer): ProxyHeader {
  const line = buffer.subarray(0, V1_MAX_BYTES);
  const end = line.indexOf('\r\n');
  if (end < 0) {
    // A line feed alone, or a return in the middle, can never become the end that is wanted.
    const stray = line.findIndex((byte, at) => byte === 0x0a || (byte === 0x0d && at < line.length - 1));
    if (stray >= 0) return malformed('version 1: the line does not end in CR LF');
    return buffer.length >= V1_MAX_BYTES ? malformed(`version 1: the line is longer than ${V1_MAX_BYTES} bytes`) : MORE;
  }
  const text = line.toString('latin1', 0, end);
  const bytes = end + 2;
  if (/[\r\n]/.test(text)) return malformed('version 1: the line does not end in CR LF');
  if (V1_UNKNOWN.test(text)) return { kind: 'header', bytes, source: null };
  const parts = V1_ADDRESSES.exec(text);
  if (parts === null) return malformed('version 1: the line is not in the form of the specification');
  const [, family, source = '', destination = '', sourcePort, destinationPort] = parts;
  const valid = family === '4' ? isIPv4 : isIPv6;
  if (!valid(source) || !valid(destination)) return malformed('version 1: an address is not one of its family');
  const port = Number(sourcePort);
  if (port > MAX_PORT || Number(destinationPort) > MAX_PORT) return malformed('version 1: a port is not one');
  return { kind: 'header', bytes, source: { address: family === '4' ? source : canonical(source), port } };
}

/** Bytes of the two addresses for each family and protocol that a byte stream can have. */
const V2_ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
]);

const Command = { LOCAL: 0x20, PROXY: 0x21 } as const;

function parseV2(buffer: Buffer, maxBytes: number): ProxyHeader {
  const command = buffer[12];
  const family = buffer[13];
  if (command === undefined) return MORE;
  if (command !== Command.LOCAL && command !== Command.PROXY) return malformed('version 2: an unknown version or command');
  if (family === undefined) return MORE;
  const addressBytes = command === Command.LOCAL ? 0 : V2_ADDRESS_BYTES.get(family);
  if (addressBytes === undefined) return malformed('version 2: an unknown family, or one that is no byte stream');
  if (buffer.length < V2_FIXED_BYTES) return MORE;
  const bytes = V2_FIXED_BYTES + buffer.readUInt16BE(14);
  if (bytes > maxBytes) return malformed(`version 2: the header is longer than ${maxBytes} bytes`);
  if (bytes < V2_FIXED_BYTES + addressBytes) return malformed('version 2: the header is too short for its addresses');
  if (buffer.length < bytes) return MORE;
  // A health check of the proxy's own: what else it says is to be ignored.
  if (command === Command.LOCAL) return { kind: 'header', bytes, source: null };
  const fault = extensionFault(buffer, V2_FIXED_BYTES + addressBytes, bytes, bytes);
  return fault === null ? { kind: 'header', bytes, source: sourceOf(buffer, family) } : malformed(`version 2: ${fault}`);
}

function sourceOf(buffer: Buffer, family: number): ProxySource | null {
  switch (family) {
    case 0x11:
      return { address: buffer.subarray(16, 20).join('.'), port: buffer.readUInt16BE(24) };
    case 0x21: {
      const groups = Array.from({ length: 8 }, (_, index) => buffer.readUInt16BE(16 + index * 2).toString(16));
      return { address: canonical(groups.join(':')), port: buffer.readUInt16BE(48) };
    }
    case 0x31:
      return { address: '', port: 0 };
    default:
      return null;
  }
}

const Extension = { CRC32C: 0x03, SSL: 0x20 } as const;
/** What stands before the extensions within the one about TLS: flags, and the result of the verification. */
const SSL_FIXED_BYTES = 5;

/** What is wrong with the extensions from `start` to `end`, or null. Each must lie within its bounds to the byte. */
function extensionFault(buffer: Buffer, start: number, end: number, headerBytes: number): string | null {
  let at = start;
  while (at < end) {
    if (end - at < 3) return 'an extension is cut off';
    const type = buffer[at];
    const valueAt = at + 3;
    const next = valueAt + buffer.readUInt16BE(at + 1);
    if (next > end) return 'an extension is longer than what is left of the header';
    if (type === Extension.CRC32C && !checksumHolds(buffer, valueAt, next, headerBytes)) return 'the checksum is wrong';
    if (type === Extension.SSL) {
      if (next - valueAt < SSL_FIXED_BYTES) return 'the extension about TLS is cut off';
      const fault = extensionFault(buffer, valueAt + SSL_FIXED_BYTES, next, headerBytes);
      if (fault !== null) return fault;
    }
    at = next;
  }
  return null;
}

/** The checksum is that of the whole header with zeros where the checksum stands. */
function checksumHolds(buffer: Buffer, valueAt: number, next: number, headerBytes: number): boolean {
  if (next - valueAt !== 4) return false;
  let crc = 0xffff_ffff;
  for (let at = 0; at < headerBytes; at += 1) {
    crc ^= at >= valueAt && at < next ? 0 : (buffer[at] as number);
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0 === buffer.readUInt32BE(valueAt);
}

/** An IPv6 address in the one form in which sockets show it, so that nobody escapes a list by spelling it otherwise. */
function canonical(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
