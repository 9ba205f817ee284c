import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const DAY_MS = 86_400_000;

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const DNS_NAME = 0x82;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** One value in DER: tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function oid(hex: string): Buffer {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'));
}

function time(ms: number): Buffer {
  // YYMMDDHHMMSSZ; good until 2049.
  return der(UTC_TIME, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

function bits(content: Buffer): Buffer {
  return der(BIT_STRING, Buffer.from([0]), content);
}

/** A certificate for `localhost`, signed by itself and good for some days, so that nobody needs a program to make one. Both as PEM. */
export function localhostCertificate(): { readonly certificate: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // commonName, ecdsa-with-SHA256 and subjectAltName by their object identifiers.
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, oid('550403'), der(UTF8_STRING, Buffer.from('localhost')))));
  const algorithm = der(SEQUENCE, oid('2a8648ce3d040302'));
  const names = der(SEQUENCE, oid('551d11'), der(OCTET_STRING, der(SEQUENCE, der(DNS_NAME, Buffer.from('localhost')))));
  const serial = randomBytes(8);
  serial[0] = 0x40;
  const content = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm,
    name,
    der(SEQUENCE, time(Date.now() - DAY_MS), time(Date.now() + 7 * DAY_MS)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(EXTENSIONS, der(SEQUENCE, names)),
  );
  const certificate = der(SEQUENCE, content, algorithm, bits(sign('sha256', content, privateKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };
}
