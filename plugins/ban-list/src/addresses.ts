import { isIP } from 'node:net';

/** An address as a number. IPv4 that is written as IPv6 is IPv4. */
export interface Address {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

/** All addresses that begin with the same bits. */
export interface Network extends Address {
  /** How many bits count: up to 32 or 128. */
  readonly length: number;
}

const WIDTH = { 4: 32, 6: 128 } as const;
/** ::ffff:0:0/96, under which IPv6 writes IPv4. */
const MAPPED = 0xffffn;
const MAPPED_LENGTH = 96;

/** Null for what is no address. A zone (`%eth0`) is left out: it says nothing about who it is. */
export function parseAddress(text: string): Address | null {
  const [plain = ''] = text.split('%', 1);
  const family = isIP(plain);
  if (family === 4) return { family, bits: bitsOf4(plain) };
  if (family !== 6) return null;
  const bits = bitsOf6(plain);
  return bits >> 32n === MAPPED ? { family: 4, bits: bits & 0xffffffffn } : { family, bits };
}

/** An address, or a network as `192.0.2.0/24`; otherwise what is wrong with it. */
export function parseNetwork(text: string): Network | string {
  const [front = '', prefix, ...more] = text.split('/');
  const address = front.includes('%') ? null : parseAddress(front);
  if (address === null || more.length > 0) return `"${text}" is no IP address or network`;
  if (prefix === undefined) return { ...address, length: WIDTH[address.family] };
  const written = isIP(front) === 6 && address.family === 4 ? MAPPED_LENGTH : 0;
  const length = Number(prefix) - written;
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(prefix) || length < 0 || length > WIDTH[address.family]) {
    return `"/${prefix}" is no length of a prefix; it goes from ${written} to ${WIDTH[address.family] + written}`;
  }
  const rest = BigInt(WIDTH[address.family] - length);
  // Somebody who writes 10.1.2.3/8 means one of two things.
  if ((address.bits >> rest) << rest !== address.bits)
    return `"${text}" has bits set behind its prefix of ${prefix}; write the first address of the network`;
  return { ...address, length };
}

/** The same text for all addresses of one network, and for no others. */
export function networkKey({ family, bits }: Address, length: number): string {
  return `${family}/${length}/${(bits >> BigInt(WIDTH[family] - length)).toString(36)}`;
}

function bitsOf4(text: string): bigint {
  return text.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

function bitsOf6(text: string): bigint {
  const [front = '', back] = text.split('::', 2);
  const first = groups(front);
  const last = back === undefined ? [] : groups(back);
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0n);
  return [...first, ...zeros, ...last].reduce((bits, group) => (bits << 16n) | group, 0n);
}

function groups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const bits = bitsOf4(group);
    return [bits >> 16n, bits & 0xffffn];
  });
}
