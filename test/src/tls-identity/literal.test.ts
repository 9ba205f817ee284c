import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startTestBroker, type TestBroker, WireClient } from '@portcullis/testing';
import fc from 'fast-check';
import { Authority, type CertificateFields, type Pair } from '../support/certificates.js';
import { connect5 } from '../support/packets.js';

const PLUGIN = '@portcullis/plugin-tls-identity';
const SOURCES = { cn: 'cn', subject: 'subject', uri: 'san:uri', dns: 'san:dns', email: 'san:email' } as const;
type Kind = keyof typeof SOURCES;
const KINDS = Object.keys(SOURCES) as readonly Kind[];
const RUNS = 25;

/** What a name may try to be: another field, another list, several, a pattern, nothing. */
const HOSTILE = [
  '',
  ' ',
  '#',
  '+',
  'a/b',
  '%u',
  'alice',
  'alice,CN=bob',
  'alice\nCN=bob',
  'a\0b',
  '\0',
  'a\\,b',
  '"a"',
  'URI:b, DNS:c',
  '#41',
  '=',
  ';',
  '\u007f',
];
const ascii = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'grapheme-ascii', maxLength: 12 }));
const text = fc.oneof({ weight: 3, arbitrary: ascii }, fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('Zoë', '😀', '\u200b', 'é'));
const names = fc.array(ascii, { maxLength: 3 });
const certificates = fc.record({
  subject: fc.array(fc.tuple(fc.constantFrom('CN', 'O', 'OU'), text), { minLength: 1, maxLength: 4 }),
  uri: names,
  dns: names,
  email: names,
});

describe('whatever stands in a certificate', () => {
  let broker: TestBroker;
  let authority: Authority;
  let asked = 0;
  /** The sources by which somebody was let in: else a plugin that refuses everybody would do. */
  const letIn = new Set<Kind>();

  before(async () => {
    authority = await Authority.create();
    const { cert, key } = await authority.issue();
    const tls = { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', clientCertificate: 'required' };
    broker = await startTestBroker({
      plugins: Object.fromEntries(KINDS.map((kind) => [kind, PLUGIN])),
      entries: Object.fromEntries(KINDS.map((kind) => [kind, { config: { username: SOURCES[kind] } }])),
      chain: { guards: [], authenticate: ['cn'], authorize: [] },
      document: {
        listeners: Object.fromEntries(KINDS.map((kind) => [kind, { url: 'mqtts://127.0.0.1:0', chain: kind, tls }])),
        chains: Object.fromEntries(KINDS.map((kind) => [kind, { authenticate: [kind] }])),
      },
      files: { 'cert.pem': cert, 'key.pem': key, 'ca.pem': authority.pem },
    });
  });

  after(() => broker.stop());

  it('the username is exactly one value of it, or the client is refused', async () => {
    await fc.assert(
      fc.asyncProperty(certificates, async ({ subject, uri, dns, email }) => {
        const pair = await authority.issue({ subject, names: alternativeNames({ uri, dns, email }), usage: 'client' });
        const lists = { cn: subject.filter(([field]) => field === 'CN').map(([, value]) => value), uri, dns, email };
        for (const kind of KINDS) {
          const username = await login(kind, pair);
          if (kind === 'subject') assert.equal(username, distinguishedName(subject));
          else {
            const [only = ''] = lists[kind];
            assert.equal(username, lists[kind].length === 1 && isPlain(only) ? only : null, kind);
          }
        }
      }),
      { numRuns: RUNS, examples: [[{ subject: [['CN', 'a/b']], uri: ['urn:#'], dns: ['+'], email: ['%u'] }]] },
    );
    assert.deepEqual([...letIn].sort(), [...KINDS].sort());
  });

  /** The username that a certificate gives, or null when it is refused as one with wrong credentials. */
  async function login(kind: Kind, pair: Pair): Promise<string | null> {
    asked += 1;
    const clientId = `asked-${asked}`;
    const client = await WireClient.over(
      connectTls({ host: '127.0.0.1', port: broker.port(kind), servername: 'localhost', ca: authority.pem, ...pair }),
      'secureConnect',
    );
    client.send(connect5({ clientId }));
    const connack = await client.readPacket('CONNACK');
    client.close();
    if (connack === '20 03 00 86 00') return null;
    assert.match(connack, /^20 .. 00 00/);
    letIn.add(kind);
    const decision = (): string | undefined =>
      broker.decisions.find((news) => news.client?.id === clientId && news.hook === 'authenticate' && news.outcome === 'allow')?.username ??
      undefined;
    await broker.until(`the decision about ${clientId}`, () => decision() !== undefined);
    return decision() ?? null;
  }
});

function alternativeNames({
  uri,
  dns,
  email,
}: Readonly<Record<'uri' | 'dns' | 'email', readonly string[]>>): NonNullable<CertificateFields['names']> {
  return [
    ...uri.map((value) => ({ type: 'url' as const, value })),
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...email.map((value) => ({ type: 'email' as const, value })),
  ];
}

function isPlain(value: string): boolean {
  return value !== '' && !/[\p{Cc}\p{Cs}\ufffd-\uffff]/u.test(value);
}

/** RFC 2253 as OpenSSL writes it, put together from the fields themselves. */
function distinguishedName(subject: readonly (readonly [string, string])[]): string {
  const escaped = (value: string): string => {
    const bytes = [...Buffer.from(value)];
    return bytes
      .map((byte, index) => {
        const letter = String.fromCharCode(byte);
        const edge = (index === 0 && '# '.includes(letter)) || (index === bytes.length - 1 && letter === ' ');
        if (byte < 0x20 || byte > 0x7e) return `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
        return edge || ',+"\\<>;'.includes(letter) ? `\\${letter}` : letter;
      })
      .join('');
  };
  return [...subject]
    .reverse()
    .map(([field, value]) => `${field}=${escaped(value)}`)
    .join(',');
}
