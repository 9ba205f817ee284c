import { packet } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { somePacket, type Version } from './corpus.js';
import type { Random } from './random.js';

const INTERESTING = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xc0, 0xff, 0x23, 0x2b, 0x2f, 0x26, 0x0b, 0xed];

function mutateOnce(random: Random, bytes: Buffer, version: Version): Buffer {
  const at = random.below(bytes.length + 1);
  const copy = Buffer.from(bytes);
  switch (random.below(8)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    case 1:
      if (at < copy.length) copy[at] = random.pick(INTERESTING);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([random.pick(INTERESTING)]), random.bytes(random.below(4)), copy.subarray(at)]);
    case 4: {
      const other = somePacket(random, version);
      return Buffer.concat([copy.subarray(0, at), other.subarray(random.below(other.length))]);
    }
    case 5: // A lie about the length of whatever field begins here.
      if (at + 1 < copy.length) copy.writeUInt16BE(random.oneIn(2) ? random.below(65_536) : random.below(16), at);
      return copy;
    case 6: // A remaining length that is not the packet's.
      return Buffer.concat([
        copy.subarray(0, 1),
        fromHex(random.pick(['00', '01', '7f', '80', '80 00', '80 80 01', 'ff ff ff 7f', 'ff ff ff ff'])),
        copy.subarray(2),
      ]);
    default: {
      const end = Math.min(copy.length, at + random.below(12));
      return Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
    }
  }
}

/** Spoils a packet. Half of the time its header is made right again, or nearly nothing would come past it. */
export function mutate(random: Random, original: Buffer, version: Version): Buffer {
  let bytes = original;
  for (let rounds = 1 + random.below(3); rounds > 0; rounds -= 1) bytes = mutateOnce(random, bytes, version);
  if (bytes.length < 2 || random.oneIn(2)) return bytes;
  const body = bytes.subarray(bodyStart(bytes));
  return fromHex(packet(bytes[0] as number, body.toString('hex')));
}

function bodyStart(bytes: Buffer): number {
  let at = 1;
  while (at < 4 && at < bytes.length - 1 && (bytes[at] as number) >= 0x80) at += 1;
  return Math.min(bytes.length, at + 1);
}
