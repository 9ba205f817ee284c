const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a value is text that may travel as a UTF-8 string of MQTT: at most 65,535 bytes, no U+0000, no lone surrogate. [MQTT-1.5.4-1] [MQTT-1.5.4-2] */
export function isMqttText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 65_535) return false;
  if (value.includes('\0') || LONE_SURROGATE.test(value)) return false;
  return Buffer.byteLength(value) <= 65_535;
}
