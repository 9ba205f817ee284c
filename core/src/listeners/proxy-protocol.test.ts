import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseProxyHeader } from './proxy-protocol.js';

const MAX_BYTES = 4096;
const SIGNATURE = '0d0a0d0a 000d0a51 5549540a';
const TCP4 = `${SIGNATURE} 21 11 000c  c0000201 c6336402 a1b2 075b`;
const TCP6 = `${SIGNATURE} 21 21 0024  20010db8000000000000000000000001 20010db8000000000000000000000002 a1b2 075b`;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const line = (text: string): Buffer => Buffer.from(text, 'latin1');
const parse = (buffer: Buffer, maxBytes = MAX_BYTES) => parseProxyHeader(buffer, maxBytes);

const UNIX_ADDRESSES = '2f746d702f61'.padEnd(216, '0') + '2f746d702f62'.padEnd(216, '0');

/** Headers that are sound, with the source that they tell. */
const SOUND: readonly (readonly [string, Buffer, { address: string; port: number } | null])[] = [
  ['version 1, IPv4', line('PROXY TCP4 192.0.2.1 198.51.100.2 41394 1883\r\n'), { address: '192.0.2.1', port: 41394 }],
  ['version 1, IPv6', line('PROXY TCP6 2001:DB8:0::1 ::1 1 65535\r\n'), { address: '2001:db8::1', port: 1 }],
  ['version 1, IPv4 within IPv6', line('PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n'), { address: '::ffff:192.0.2.1', port: 1 }],
  ['version 1, port 0', line('PROXY TCP4 0.0.0.0 255.255.255.255 0 0\r\n'), { address: '0.0.0.0', port: 0 }],
  ['version 1, unknown', line('PROXY UNKNOWN\r\n'), null],
  ['version 1, unknown with more', line('PROXY UNKNOWN ffff::1 whatever 1 \xff\r\n'), null],
  ['version 1, the longest', line(`PROXY UNKNOWN ${'x'.repeat(107 - 16)}\r\n`), null],
  ['version 2, IPv4', hex(TCP4), { address: '192.0.2.1', port: 41394 }],
  ['version 2, IPv6', hex(TCP6), { address: '2001:db8::1', port: 41394 }],
  ['version 2, Unix', hex(`${SIGNATURE} 21 31 00d8 ${UNIX_ADDRESSES}`), { address: '', port: 0 }],
  ['version 2, unspecified', hex(`${SIGNATURE} 21 00 0000`), null],
  ['version 2, local', hex(`${SIGNATURE} 20 00 0000`), null],
  ['version 2, local with a block that is not looked at', hex(`${SIGNATURE} 20 ff 0005 ffffffffff`), null],
  [
    'version 2, extensions',
    hex(`${SIGNATURE} 21 11 0017  c0000201 c6336402 a1b2 075b  02 0002 6162  04 0000  e0 0000`),
    { address: '192.0.2.1', port: 41394 },
  ],
  ['version 2, unspecified with an extension', hex(`${SIGNATURE} 21 00 0004 04 0001 00`), null],
  // Extension 0x20: flags, four bytes of verification, and extensions within it.
  [
    'version 2, about TLS',
    hex(`${SIGNATURE} 21 11 001b  c0000201 c6336402 a1b2 075b  20 000c 07 00000000 21 0004 54 4c 53 76`),
    { address: '192.0.2.1', port: 41394 },
  ],
];

const MALFORMED: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a CONNECT', hex('10 0c 0004 4d515454 04 02 0000 0000'), /no PROXY header/],
  ['a ClientHello', hex('16 0301 0200'), /no PROXY header/],
  ['an HTTP request', line('GET /mqtt HTTP/1.1\r\n'), /no PROXY header/],
  ['an almost', line('PROXZ'), /no PROXY header/],
  ['lower case', line('proxy TCP4'), /no PROXY header/],
  ['a signature with one wrong byte', hex('0d0a0d0a 000d0a51 5549540b'), /no PROXY header/],
  ['another word for the family', line('PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n'), /form/],
  ['UDP', line('PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'), /form/],
  ['two spaces', line('PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n'), /form/],
  ['a tabulator', line('PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n'), /form/],
  ['a space at the end', line('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n'), /form/],
  ['a missing port', line('PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'), /form/],
  ['one field too many', line('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n'), /form/],
  ['a port with a sign', line('PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n'), /form/],
  ['a port with a leading zero', line('PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n'), /form/],
  ['a port too high', line('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'), /port/],
  ['a destination port too high', line('PROXY TCP4 192.0.2.1 192.0.2.2 1 99999\r\n'), /port/],
  ['an address with a leading zero', line('PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n'), /address/],
  ['an address too short', line('PROXY TCP4 192.0.1 192.0.2.2 1 2\r\n'), /address/],
  ['a name', line('PROXY TCP4 localhost 192.0.2.2 1 2\r\n'), /form/],
  ['IPv6 as IPv4', line('PROXY TCP4 ::1 ::1 1 2\r\n'), /address/],
  ['IPv4 as IPv6', line('PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n'), /address/],
  ['a zone', line('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'), /form/],
  ['UNKNOWN with something attached', line('PROXY UNKNOWNS\r\n'), /form/],
  ['nothing behind PROXY', line('PROXY \r\n'), /form/],
  ['a line feed alone', line('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n'), /CR LF/],
  ['a return in the middle', line('PROXY UNKNOWN \rx'), /CR LF/],
  ['a return in a whole line', line('PROXY UNKNOWN a\rb\r\n'), /CR LF/],
  ['a line too long', line(`PROXY UNKNOWN ${'x'.repeat(107 - 14)}`), /longer than 107/],
  ['a line one byte too long', line(`PROXY UNKNOWN ${'x'.repeat(107 - 15)}\r\n`), /longer than 107/],
  ['version 1 in binary', hex(`${SIGNATURE} 11`), /version or command/],
  ['version 3', hex(`${SIGNATURE} 31`), /version or command/],
  ['an unknown command', hex(`${SIGNATURE} 22`), /version or command/],
  ['datagrams', hex(`${SIGNATURE} 21 12`), /family/],
  ['an unknown family', hex(`${SIGNATURE} 21 41`), /family/],
  ['no protocol', hex(`${SIGNATURE} 21 10`), /family/],
  ['a length below that of the addresses', hex(`${SIGNATURE} 21 11 000b`), /too short/],
  ['a length beyond the limit', hex(`${SIGNATURE} 21 11 0ff1`), /longer than 4096/],
  ['a length beyond the limit, local', hex(`${SIGNATURE} 20 00 ffff`), /longer than 4096/],
  ['an extension that is cut off', hex(`${SIGNATURE} 21 11 000e  c0000201 c6336402 a1b2 075b  04 00`), /cut off/],
  ['an extension beyond the header', hex(`${SIGNATURE} 21 11 0010  c0000201 c6336402 a1b2 075b  04 0002 00`), /longer than what is left/],
  ['a stray byte behind the extensions', hex(`${SIGNATURE} 21 11 0010  c0000201 c6336402 a1b2 075b  04 0000 00`), /cut off/],
  ['an extension about TLS without its flags', hex(`${SIGNATURE} 21 11 0013  c0000201 c6336402 a1b2 075b  20 0004 07000000`), /cut off/],
  ['an overrun within it', hex(`${SIGNATURE} 21 11 0018  c0000201 c6336402 a1b2 075b  20 0009 07 00000000 21 0002 54`), /longer than what is left/],
  ['a checksum of two bytes', hex(`${SIGNATURE} 21 11 0011  c0000201 c6336402 a1b2 075b  03 0002 0000`), /checksum/],
  ['a wrong checksum', hex(`${SIGNATURE} 21 11 0013  c0000201 c6336402 a1b2 075b  03 0004 00000001`), /checksum/],
];

/** CRC32C by its polynomial, most significant bit first over reflected bytes: another way than the parser's. */
function crc32c(bytes: Buffer): number {
  const reflect = (value: number, width: number): number => {
    let out = 0;
    for (let bit = 0; bit < width; bit += 1) if (((value >>> bit) & 1) === 1) out += 2 ** (width - 1 - bit);
    return out;
  };
  let register = 0xffffffff;
  for (const byte of bytes) {
    register = (register ^ (reflect(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit += 1) register = ((register & 0x80000000) !== 0 ? (register << 1) ^ 0x1edc6f41 : register << 1) >>> 0;
  }
  return (reflect(register, 32) ^ 0xffffffff) >>> 0;
}

function withChecksum(): Buffer {
  const header = hex(`${SIGNATURE} 21 11 0013  c0000201 c6336402 a1b2 075b  03 0004 00000000`);
  header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

describe('a PROXY header that is sound', () => {
  for (const [name, header, source] of [...SOUND, ['version 2, checksum', withChecksum(), { address: '192.0.2.1', port: 41394 }] as const]) {
    test(`is read: ${name}`, () => {
      assert.deepEqual(parse(header), { kind: 'header', bytes: header.length, source });
    });

    test(`is awaited as long as any byte of it is missing, and ends where it ends: ${name}`, () => {
      for (let length = 0; length < header.length; length += 1) assert.equal(parse(header.subarray(0, length)).kind, 'more', `${length} bytes`);
      for (const behind of ['10', '16 03 01', '0d0a', '00'.repeat(5000)]) {
        assert.deepEqual(parse(Buffer.concat([header, hex(behind)])), { kind: 'header', bytes: header.length, source });
      }
    });
  }

  test('has a checksum that is that of the well-known example', () => {
    assert.equal(crc32c(line('123456789')), 0xe3069283);
  });

  test('may be exactly as long as the limit', () => {
    const header = hex(`${SIGNATURE} 20 00 0ff0 ${'00'.repeat(0xff0)}`);
    assert.deepEqual(parse(header), { kind: 'header', bytes: 4096, source: null });
    assert.equal(parse(header, 4095).kind, 'malformed');
  });
});

describe('what is no sound PROXY header', () => {
  for (const [name, bytes, detail] of MALFORMED) {
    test(`is malformed: ${name}`, () => {
      const result = parse(bytes);
      assert.equal(result.kind, 'malformed');
      assert.match(result.kind === 'malformed' ? result.detail : '', detail);
    });
  }

  test('stays malformed whatever comes behind it, and is never taken for one when it is cut', () => {
    for (const [name, bytes] of MALFORMED) {
      for (let length = 0; length < bytes.length; length += 1) assert.notEqual(parse(bytes.subarray(0, length)).kind, 'header', `${name}, ${length}`);
      assert.equal(parse(Buffer.concat([bytes, hex('0d0a 00 ff')])).kind, 'malformed', name);
    }
  });
});

test('Any single bit of a checksummed header that changes never makes it tell of another address.', () => {
  const sound = withChecksum();
  for (let bit = 0; bit < sound.length * 8; bit += 1) {
    const changed = Buffer.from(sound);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    const result = parse(changed);
    if (result.kind !== 'header') continue;
    // PROXY became LOCAL, or TCP4 unspecified: then the rest is no address. Or the checksum became another extension.
    if (result.source !== null) assert.deepEqual(result.source, { address: '192.0.2.1', port: 41394 }, `bit ${bit}`);
  }
});

test('Whatever the bytes are, the answer for a longer prefix never contradicts that for a shorter one.', () => {
  const starts = SOUND.map(([, header]) => header);
  const bytes = fc
    .tuple(
      fc.constantFrom(Buffer.alloc(0), ...starts),
      fc.nat(600),
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.tuple(fc.nat(260), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([start, cut, tail, changes]) => {
      const all = Buffer.concat([start.subarray(0, cut), tail]);
      for (const [at, value] of changes) if (at < all.length) all[at] = value;
      return all;
    });
  fc.assert(
    fc.property(bytes, (all) => {
      let settled: string | null = null;
      for (let length = 0; length <= all.length; length += 1) {
        const result = parse(all.subarray(0, length));
        if (settled !== null) assert.equal(JSON.stringify(result), settled);
        if (result.kind === 'more') continue;
        settled = JSON.stringify(result);
        if (result.kind === 'header') assert.ok(result.bytes <= length && result.bytes > 0);
      }
    }),
    { numRuns: 5000 },
  );
});
