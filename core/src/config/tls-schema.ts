import { choice, closed, type DocumentSchema } from './schema-parts.js';

const filePath: DocumentSchema = { type: 'string', minLength: 1 };

/** One file, or several. */
const filePaths = (maxItems: number, description: string): DocumentSchema => ({
  description,
  anyOf: [filePath, { type: 'array', items: filePath, minItems: 1, maxItems, uniqueItems: true }],
});

const version = (initial: string, description: string): DocumentSchema => ({ enum: ['TLSv1.2', 'TLSv1.3'], default: initial, description });

const reference = (key: string): DocumentSchema => ({
  type: 'object',
  required: [key],
  additionalProperties: false,
  properties: { [key]: { type: 'string', minLength: 1 } },
});

/** Most files of revocation lists, and most server names, of one listener. */
const MAX_LIST_FILES = 64;
const MAX_NAMES = 1000;
/** A DNS name in lower case, or `*.` and one. */
export const SERVER_NAME_PATTERN = '^(?=.{1,253}$)(?:\\*\\.)?[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*$';

const pair = {
  cert: filePaths(2, 'File of the certificate with the intermediate ones behind it, as PEM; or a list of two, for an ECDSA and an RSA pair.'),
  key: filePaths(2, 'File of the private key, as PEM; or a list, in the order of "cert".'),
};

const name = closed(
  'What clients meet that ask for this server name.',
  {
    ...pair,
    ca: {
      ...filePath,
      description: 'File of the authorities that issue certificates of clients of this name, as PEM. Without it: those of the listener.',
    },
    crl: filePaths(MAX_LIST_FILES, 'Files of revocation lists of these authorities. Without "ca": those of the listener hold.'),
  },
  ['cert', 'key'],
);

/** The `tls` object of a listener. */
export const TLS = closed(
  'Certificates and TLS settings, of mqtts:// and wss:// listeners.',
  {
    ...pair,
    ca: { ...filePath, description: 'File of the authorities that issue certificates of clients, as PEM.' },
    crl: filePaths(
      MAX_LIST_FILES,
      'Files of revocation lists, as PEM or DER: one of each authority of "ca". Without a list in force, no certificate of an authority is accepted.',
    ),
    clientCertificate: choice(
      ['none', 'optional', 'required'],
      'Whether clients are asked for a certificate. One that is given and does not verify closes the connection in any case.',
    ),
    names: {
      type: 'object',
      description: 'Certificates by the server name that a client asks for; "*.example.org" is for every name of one more label.',
      propertyNames: { pattern: SERVER_NAME_PATTERN },
      maxProperties: MAX_NAMES,
      additionalProperties: name,
    },
    unknownName: choice(
      ['default', 'refuse'],
      'What becomes of clients that ask for a name which is not among "names", or for none: they are shown "cert", or refused.',
    ),
    minVersion: version('TLSv1.2', 'Oldest version of TLS.'),
    maxVersion: version('TLSv1.3', 'Newest version of TLS.'),
    ciphers: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      minItems: 1,
      uniqueItems: true,
      description: "Cipher suites by OpenSSL's names, of TLS 1.2 and 1.3, the preferred first. Without it: those that Node.js recommends.",
    },
    passphrase: {
      anyOf: [reference('$env'), reference('$file')],
      description: 'Passphrase of encrypted keys, as {"$env": "NAME"} or {"$file": "path"}.',
    },
  },
  ['cert', 'key'],
);
