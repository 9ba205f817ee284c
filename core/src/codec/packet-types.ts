export const PacketType = {
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  SUBACK: 9,
  UNSUBSCRIBE: 10,
  UNSUBACK: 11,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
  AUTH: 15,
} as const;

/** 3 is MQTT 3.1 ("MQIsdp"), 4 is 3.1.1, 5 is 5.0: the level byte of the CONNECT. */
export type ProtocolVersion = 3 | 4 | 5;

export type Qos = 0 | 1 | 2;

/** Longest packet the wire can express: five bytes of fixed header and the largest remaining length. */
export const MAX_PACKET_BYTES = 268_435_460;
