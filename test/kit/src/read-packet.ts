/** Reads what the broker sends, straight from the specification and without the broker's codec. */

/** A property of MQTT 5.0: its identifier, and its value as hexadecimal text without a length. */
export type ReadProperty = readonly [id: number, value: string];

/** One packet taken apart; fields that its type does not have are null or empty. */
export interface ReadPacket {
  readonly type: number;
  readonly flags: number;
  readonly packetId: number | null;
  /** Reason or return code of CONNACK, acknowledgements, DISCONNECT and AUTH; 0 where it was left out. */
  readonly code: number | null;
  /** Codes of SUBACK and UNSUBACK. */
  readonly codes: readonly number[];
  readonly sessionPresent: boolean;
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly properties: readonly ReadProperty[];
  /** The whole packet, as text. */
  readonly hex: string;
}

/** Sizes of properties by identifier: bytes of an integer, or what kind of length it has. */
const SIZES = new Map<number, 1 | 2 | 4 | 'varint' | 'field' | 'pair'>([
  [0x01, 1],
  [0x02, 4],
  [0x03, 'field'],
  [0x08, 'field'],
  [0x09, 'field'],
  [0x0b, 'varint'],
  [0x11, 4],
  [0x12, 'field'],
  [0x13, 2],
  [0x15, 'field'],
  [0x16, 'field'],
  [0x1a, 'field'],
  [0x1c, 'field'],
  [0x1f, 'field'],
  [0x21, 2],
  [0x22, 2],
  [0x23, 2],
  [0x24, 1],
  [0x25, 1],
  [0x26, 'pair'],
  [0x27, 4],
  [0x28, 1],
  [0x29, 1],
  [0x2a, 1],
]);

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Buffer {
    if (count > this.left) throw new Error(`the broker sent a packet that is cut off: ${this.#bytes.toString('hex')}`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  number(bytes: number): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  field(): Buffer {
    return this.take(this.number(2));
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.number(1);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  properties(): ReadProperty[] {
    const list = new Reader(this.take(this.varint()), 0);
    const found: ReadProperty[] = [];
    while (list.left > 0) {
      const id = list.number(1);
      const size = SIZES.get(id);
      if (size === undefined) throw new Error(`the broker sent an unknown property 0x${id.toString(16)}`);
      if (size === 'pair') found.push([id, `${list.field()}=${list.field()}`]);
      else if (size === 'varint') found.push([id, list.varint().toString(16)]);
      else found.push([id, (size === 'field' ? list.field() : list.take(size)).toString('hex')]);
    }
    return found;
  }
}

/** Takes a packet apart; `level` is the protocol level of its connection. */
export function readPacket(hex: string, level: 3 | 4 | 5): ReadPacket {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const first = bytes[0] ?? 0;
  const reader = new Reader(bytes, 1);
  reader.varint();
  const type = first >> 4;
  const packet = {
    type,
    flags: first & 0x0f,
    packetId: null as number | null,
    code: null as number | null,
    codes: [] as number[],
    sessionPresent: false,
    topic: '',
    payload: '',
    qos: 0,
    dup: false,
    retain: false,
    properties: [] as ReadProperty[],
    hex,
  };
  if (type === 2) {
    packet.sessionPresent = reader.number(1) === 1;
    packet.code = reader.number(1);
    if (level === 5) packet.properties = reader.properties();
  } else if (type === 3) {
    packet.qos = (first >> 1) & 3;
    packet.dup = (first & 8) !== 0;
    packet.retain = (first & 1) !== 0;
    packet.topic = reader.field().toString();
    if (packet.qos > 0) packet.packetId = reader.number(2);
    if (level === 5) packet.properties = reader.properties();
    packet.payload = reader.take(reader.left).toString();
  } else if (type >= 4 && type <= 7) {
    packet.packetId = reader.number(2);
    packet.code = reader.left > 0 ? reader.number(1) : 0;
    if (reader.left > 0) packet.properties = reader.properties();
  } else if (type === 9 || type === 11) {
    packet.packetId = reader.number(2);
    if (level === 5) packet.properties = reader.properties();
    packet.codes = [...reader.take(reader.left)];
  } else if (type === 14 || type === 15) {
    packet.code = reader.left > 0 ? reader.number(1) : 0;
    if (reader.left > 0) packet.properties = reader.properties();
  }
  if (reader.left > 0) throw new Error(`the broker sent bytes behind the end of a packet: ${hex}`);
  return packet;
}
