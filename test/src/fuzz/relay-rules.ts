import { type Packet, type Parser, parser } from 'mqtt-packet';

/** Kinds of packets that a broker may send. */
const FROM_BROKER = new Set(['connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback', 'pingresp', 'disconnect', 'auth']);

/** Reads what the broker sent to one peer with an independent parser, and by the rules that clients hold brokers to. */
export class Reader {
  readonly #parser: Parser;
  readonly #version: 3 | 4 | 5;
  #packets: Packet[] = [];
  #first = true;

  constructor(version: 3 | 4 | 5) {
    this.#version = version;
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on('packet', (packet) => this.#packets.push(packet));
    this.#parser.on('error', (error) => {
      throw error;
    });
  }

  /** The packets in these bytes. Throws on whatever a client would close the connection for. */
  read(bytes: Buffer): readonly Packet[] {
    if (bytes.length === 0) return [];
    try {
      if (this.#parser.parse(bytes) !== 0) throw new Error('a packet that is not whole');
      for (const packet of this.#packets) this.#judge(packet);
    } catch (error) {
      throw new Error(`version ${this.#version} got ${bytes.toString('hex').slice(0, 2000)}`, { cause: error });
    }
    const packets = this.#packets;
    this.#packets = [];
    return packets;
  }

  #judge(packet: Packet): void {
    const { cmd } = packet;
    if (!FROM_BROKER.has(cmd)) throw new Error(`a ${cmd} from a broker`);
    if (this.#first && cmd !== 'connack' && cmd !== 'auth') throw new Error(`a ${cmd} before the CONNACK`);
    if (this.#first && cmd === 'connack') this.#first = false;
    else if (cmd === 'connack') throw new Error('a second CONNACK');
    if (this.#version < 5 && (cmd === 'disconnect' || cmd === 'auth')) throw new Error(`a ${cmd} to a client of MQTT 3`);
    if (cmd === 'publish') judgePublish(packet, this.#version);
  }
}

function judgePublish(packet: Packet & { cmd: 'publish' }, version: 3 | 4 | 5): void {
  const { topic, qos, messageId, properties, dup } = packet;
  if (topic === '' || topic.includes('\u0000') || topic.includes('+') || topic.includes('#'))
    throw new Error(`a PUBLISH to ${JSON.stringify(topic)}`);
  if (topic.includes('\ufffd')) throw new Error('a topic name that is no UTF-8');
  if (qos > 2 || (qos > 0 && (messageId === undefined || messageId === 0)))
    throw new Error(`a PUBLISH of QoS ${qos} with the identifier ${messageId}`);
  if (qos === 0 && dup) throw new Error('DUP at QoS 0');
  if (properties === undefined) return;
  if (version < 5 && Object.keys(properties).length > 0) throw new Error('properties for a client of MQTT 3');
  // Nobody here allowed the broker an alias.
  if (properties.topicAlias !== undefined) throw new Error('a topic alias that was not asked for');
}
