import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import type { ClientCertificate } from '@portcullis/sdk';
import { type Attribute, type Contents, certificateOf, der, extensionOf, hex, nameOf, OID, utf8 } from '../x509/certificate.test.support.js';
import { Tag } from '../x509/der.js';
import { describe } from './tls-evidence.js';

function seen(contents: Contents): ClientCertificate {
  const found = describe(new X509Certificate(certificateOf(contents)));
  assert.ok(found !== null);
  return found;
}

const commonNames = (...attributes: Attribute[]): readonly string[] | null => seen({ subject: nameOf(...attributes) }).fields.CN;
const bmp = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

test('Each field is a list of its values in order, also those that stand at one place.', () => {
  const subject = nameOf(utf8(OID.C, 'DE'), [utf8(OID.OU, 'a'), utf8(OID.OU, 'b')], utf8(OID.OU, 'c'), utf8(OID.CN, 'device-1'), utf8(OID.UID, 'u'));
  const { fields, commonName, serialNumber, validFrom, validTo, distinguishedName, issuer } = seen({ subject, serial: hex('00ff01') });
  assert.deepEqual(fields, {
    CN: ['device-1'],
    OU: ['a', 'b', 'c'],
    O: [],
    C: ['DE'],
    ST: [],
    L: [],
    DC: [],
    UID: ['u'],
    serialNumber: [],
    emailAddress: [],
  });
  assert.equal(commonName, 'device-1');
  assert.equal(serialNumber, 'FF01');
  assert.equal(issuer, 'CN=authority');
  assert.equal(distinguishedName, 'UID=u,CN=device-1,OU=c,OU=b+OU=a,C=DE');
  assert.equal(validFrom, Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(validTo, Date.UTC(2050, 0, 2, 3, 4, 5));
});

test('Two common names are two, and none of them is the name.', () => {
  assert.deepEqual(commonNames(utf8(OID.CN, 'alice'), utf8(OID.CN, 'bob')), ['alice', 'bob']);
  assert.equal(seen({ subject: nameOf(utf8(OID.CN, 'alice'), utf8(OID.CN, 'bob')) }).commonName, null);
  assert.equal(seen({ subject: nameOf([utf8(OID.CN, 'alice'), utf8(OID.CN, 'alice')]) }).commonName, null);
});

test('A value is shown literally in every type of text.', () => {
  assert.deepEqual(commonNames(utf8(OID.CN, 'a/b+c#,O=x')), ['a/b+c#,O=x']);
  assert.deepEqual(commonNames(utf8(OID.CN, 'Zürich \u{1f512}')), ['Zürich \u{1f512}']);
  assert.deepEqual(commonNames([OID.CN, Tag.BMP_STRING, bmp('Zürich')]), ['Zürich']);
  assert.deepEqual(commonNames([OID.CN, Tag.UNIVERSAL_STRING, hex('0001f512')]), ['\u{1f512}']);
  for (const tag of [Tag.PRINTABLE_STRING, Tag.IA5_STRING, Tag.TELETEX_STRING]) {
    assert.deepEqual(commonNames([OID.CN, tag, 'device 1']), ['device 1']);
  }
});

test('A field with a value that cannot be shown has none, so that no other passes for the only one.', () => {
  const bad: Attribute[] = [
    utf8(OID.CN, ''),
    utf8(OID.CN, 'alice\0'),
    utf8(OID.CN, 'alice\nbob'),
    utf8(OID.CN, 'x'.repeat(1025)),
    // The same two bytes are two other letters in Latin-1, which some read a TeletexString as.
    [OID.CN, Tag.TELETEX_STRING, hex('c3a4')],
    [OID.CN, Tag.PRINTABLE_STRING, hex('616c69636500')],
    [OID.CN, Tag.BMP_STRING, hex('0061 0000')],
    [OID.CN, Tag.SEQUENCE, der(Tag.UTF8_STRING, Buffer.from('alice'))],
  ];
  for (const attribute of bad) {
    const certificate = seen({ subject: nameOf(attribute, utf8(OID.CN, 'alice'), utf8(OID.O, 'Acme')) });
    assert.equal(certificate.fields.CN, null);
    assert.equal(certificate.commonName, null);
    assert.deepEqual(certificate.fields.O, ['Acme']);
  }
  // The letters of another attribute are no name.
  assert.deepEqual(commonNames(utf8(OID.unknown, 'alice')), []);
});

test('Sixty-four kilobytes of subject are no name, and hold nothing.', () => {
  const subject = nameOf(...Array.from({ length: 64 }, (_, index) => utf8(index === 0 ? OID.CN : OID.OU, 'x'.repeat(1000))));
  const certificate = seen({ subject });
  assert.equal(certificate.subject, '');
  assert.equal(certificate.distinguishedName, '');
  assert.deepEqual(certificate.fields.CN, ['x'.repeat(1000)]);
  assert.equal(certificate.fields.OU?.length, 63);
  assert.equal(seen({ subject: nameOf(...Array.from({ length: 65 }, () => utf8(OID.OU, 'x'))) }).fields.OU, null);
});

const email = (text: string): Buffer => der(0x81, Buffer.from(text));
const dns = (text: string): Buffer => der(0x82, Buffer.from(text));
const uri = (text: string): Buffer => der(0x86, Buffer.from(text));

test('Alternative names are lists by kind, however a name tries to look like two.', () => {
  const names = [
    dns('a.example'),
    uri('http://a/, DNS:evil'),
    email('a"b@example.org'),
    der(0x87, hex('c0000201')),
    der(0x87, hex('20010db8000000000000000000000001')),
    dns('B.example'),
    // A directory name, another kind of name, a registered identifier.
    der(0xa4, nameOf(utf8(OID.CN, 'root'))),
    der(0xa0, OID.unknown, der(0xa0, der(Tag.UTF8_STRING, Buffer.from('root')))),
    der(0x88, hex('2a0304')),
  ];
  const certificate = seen({ names });
  assert.deepEqual(certificate.names, {
    uri: ['http://a/, DNS:evil'],
    dns: ['a.example', 'B.example'],
    email: ['a"b@example.org'],
    ip: ['192.0.2.1', '2001:db8::1'],
  });
  assert.deepEqual(certificate.subjectAlternativeNames, [
    'DNS:a.example',
    'URI:http://a/, DNS:evil',
    'email:a"b@example.org',
    'IP:192.0.2.1',
    'IP:2001:db8::1',
    'DNS:B.example',
  ]);
  assert.deepEqual(seen({}).names, { uri: [], dns: [], email: [], ip: [] });
});

test('A kind of alternative names with one that cannot be shown shows none, and that it has some.', () => {
  for (const bad of ['', 'a.example\0.evil', 'zürich.example', 'a\r\nb', 'x'.repeat(1025)]) {
    const certificate = seen({ names: [dns(bad), dns('a.example'), uri('urn:x')] });
    assert.equal(certificate.names.dns, null, bad);
    assert.deepEqual(certificate.names.uri, ['urn:x']);
    assert.deepEqual(certificate.subjectAlternativeNames, ['DNS:a.example', 'URI:urn:x']);
  }
  assert.equal(seen({ names: [der(0x87, hex('c00002')), der(0x87, hex('c0000201'))] }).names.ip, null);
});

test('A certificate that is no sound DER is none, whatever OpenSSL reads in it.', () => {
  const twice = extensionOf(OID.subjectAlternativeName, der(Tag.SEQUENCE, dns('b.example')));
  for (const contents of [
    { names: [dns('a.example')], extensions: [twice] },
    { subject: nameOf(), names: [hex('8281 01 61')] },
    { names: [hex('8280 61 0000')] },
    { names: [hex('82 7f 61')] },
  ]) {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(certificateOf(contents));
    } catch {
      continue;
    }
    assert.equal(describe(certificate), null);
  }
});
