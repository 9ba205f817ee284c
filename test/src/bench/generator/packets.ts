// MQTT 3.1.1 as bytes, written here and not taken from the broker: a mistake in its codec must not measure as none.

/** First bytes of a payload: a mark, the stream, the number in the stream, the run, and when it was due (milliseconds). */
export const PAYLOAD_HEAD_BYTES = 24;
export const MARK = 0x4d51_4231;
const FILLER = 0x78;

export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBREL = 0x62;
export const PUBCOMP = 0x70;
export const DISCONNECT = Buffer.from([0xe0, 0x00]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function remainingLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

function packet(first: number, ...body: readonly Buffer[]): Buffer {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([first]), remainingLength(length), ...body]);
}

/** CONNECT with a clean session; keep alive ten minutes, so that no PINGREQ disturbs a measurement. */
export function connectPacket(clientId: string, login: { readonly username: string; readonly password: string } | null): Buffer {
  const flags = login === null ? 0x02 : 0xc2;
  const rest = login === null ? [] : [text(login.username), text(login.password)];
  return packet(0x10, text('MQTT'), Buffer.from([4, flags, 0x02, 0x58]), text(clientId), ...rest);
}

export function subscribePacket(packetId: number, filters: readonly string[], qos: number): Buffer {
  const parts = filters.flatMap((filter) => [text(filter), Buffer.from([qos])]);
  return packet(0x82, Buffer.from([packetId >> 8, packetId & 0xff]), ...parts);
}

/** A PUBLISH whose packet identifier, number and time are written over before each use. */
export interface PublishTemplate {
  readonly bytes: Buffer;
  readonly topic: Buffer;
  readonly qos: number;
  readonly payloadBytes: number;
  /** Where the packet identifier stands; with QoS 0 there is none. */
  readonly packetIdAt: number;
  readonly sequenceAt: number;
}

export interface TemplateOptions {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly payloadBytes: number;
  readonly stream: number;
  readonly run: number;
}

export function publishTemplate({ topic, qos, retain, payloadBytes, stream, run }: TemplateOptions): PublishTemplate {
  const length = Math.max(payloadBytes, PAYLOAD_HEAD_BYTES);
  const payload = Buffer.alloc(length, FILLER);
  payload.writeUInt32LE(MARK, 0);
  payload.writeUInt32LE(stream, 4);
  payload.writeUInt32LE(0, 8);
  payload.writeUInt32LE(run, 12);
  payload.writeDoubleLE(0, 16);
  const packetId = Buffer.alloc(qos > 0 ? 2 : 0);
  const bytes = packet(0x30 | (qos << 1) | (retain ? 1 : 0), text(topic), packetId, payload);
  const payloadAt = bytes.length - length;
  return { bytes, topic: Buffer.from(topic), qos, payloadBytes: length, packetIdAt: payloadAt - packetId.length, sequenceAt: payloadAt + 8 };
}

/** Copies a template to `at` and fills it in; gives where the next one may stand. */
export function writePublish(into: Buffer, at: number, template: PublishTemplate, packetId: number, sequence: number, dueMs: number): number {
  into.set(template.bytes, at);
  if (template.qos > 0) {
    into[at + template.packetIdAt] = packetId >> 8;
    into[at + template.packetIdAt + 1] = packetId & 0xff;
  }
  const number = at + template.sequenceAt;
  into[number] = sequence & 0xff;
  into[number + 1] = (sequence >>> 8) & 0xff;
  into[number + 2] = (sequence >>> 16) & 0xff;
  into[number + 3] = sequence >>> 24;
  into.writeDoubleLE(dueMs, number + 8);
  return at + template.bytes.length;
}
