import { hex, packet } from './hex.test.support.js';
import type { ProtocolVersion } from './packet-types.js';

export interface CorpusEntry {
  readonly version: ProtocolVersion;
  readonly bytes: Buffer;
}

const ALL_PUBLISH = "01 01 02 00 00 00 3c 03 00 01 'c' 08 00 03 'r/t' 09 00 02 00 ff 23 00 05 26 00 01 'k' 00 01 'v' 26 00 01 'k' 00 02 c3 a9";
const ALL_CONNECT =
  "11 00 00 00 78 21 00 0a 27 00 01 00 00 22 00 05 19 01 17 00 26 00 01 'k' 00 01 'v' 26 00 09 '__proto__' 00 01 'w' 15 00 05 'SCRAM' 16 00 02 ff 00";
const ALL_WILL = "18 00 00 00 05 01 01 02 ff ff ff ff 03 00 01 'c' 08 00 01 'r' 09 00 01 00 26 00 01 'a' 00 01 'b'";

function list(text: string): string {
  return `${hex(text).length.toString(16).padStart(2, '0')} ${text}`;
}

function entries(version: ProtocolVersion): Buffer[] {
  const head = version === 3 ? "00 06 'MQIsdp' 03" : `00 04 'MQTT' 0${version}`;
  const none = version === 5 ? '00' : '';
  const only = (text: string): string => (version === 5 ? list(text) : '');
  return [
    packet(0x10, `${head} 02 00 3c ${none} 00 03 'cid'`),
    packet(0x10, `${head} c2 00 3c ${only(ALL_CONNECT)} 00 00 00 05 'us' c3 a9 'r' 00 04 'pass'`),
    packet(0x10, `${head} f6 00 00 ${only(ALL_CONNECT)} 00 02 'id' ${only(ALL_WILL)} 00 05 'w/' e2 82 ac 00 03 01 00 ff 00 01 'u' 00 00`),
    packet(0x30, `00 03 'a/b' ${none} 'payload'`),
    packet(0x31, `00 01 't' ${only(ALL_PUBLISH)}`),
    packet(0x32, `00 05 'a/' e2 82 ac 00 01 ${only(ALL_PUBLISH)} 'payload'`),
    packet(0x3d, `00 04 f0 9f 98 80 ff ff ${none}`),
    packet(0x40, '00 01'),
    packet(0x50, version === 5 ? "00 02 97 10 1f 00 06 'reason' 26 00 01 'k' 00 01 'v'" : '00 02'),
    packet(0x62, version === 5 ? '00 03 92' : '00 03'),
    packet(0x70, version === 5 ? '00 04 00 00' : '00 04'),
    packet(0x82, `00 05 ${only("0b ff 01 26 00 01 'k' 00 01 'v'")} 00 03 'a/+' 01 00 01 '#' 02 00 0a '$share/g/t' 00`),
    packet(0xa2, `00 06 ${only("26 00 01 'k' 00 01 'v'")} 00 03 'a/+' 00 0a '$share/g/#'`),
    packet(0xc0, ''),
    packet(0xe0, version === 5 ? "04 10 11 00 00 00 05 1f 00 01 'r' 26 00 00 00 02 'vv'" : ''),
    ...(version === 5
      ? [packet(0x30, `00 00 ${only('23 00 05')} 'aliased'`), packet(0xf0, "18 0b 15 00 02 'me' 16 00 03 'abc'"), packet(0xe0, '')]
      : []),
  ];
}

/** Every packet type that a client may send, in every version, plain and with everything. */
export const CORPUS: readonly CorpusEntry[] = ([3, 4, 5] as const).flatMap((version) => entries(version).map((bytes) => ({ version, bytes })));
