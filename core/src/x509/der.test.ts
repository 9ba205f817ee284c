import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCertificate } from './certificate.js';
import { type Attribute, certificateOf, der, hex, nameOf, OID, utf8 } from './certificate.test.support.js';
import { DerError, DerReader, inside, integerHex, objectIdentifier, Tag, timeOf } from './der.js';
import { readName, rfc2253 } from './names.js';

test('Elements stand one behind the other, and nothing behind the last.', () => {
  const reader = new DerReader(hex('020101 0500'));
  assert.equal(reader.tag, Tag.INTEGER);
  assert.deepEqual(reader.read(Tag.INTEGER).content, hex('01'));
  assert.equal(reader.optional(Tag.BOOLEAN), null);
  assert.throws(() => reader.end(), DerError);
  assert.deepEqual(reader.any().whole, hex('0500'));
  assert.equal(reader.tag, -1);
  reader.end();
});

test('A length is definite, within what there is, and in no more bytes than it needs.', () => {
  const long = Buffer.concat([hex('0481ff'), Buffer.alloc(255)]);
  assert.equal(new DerReader(long).any().content.length, 255);
  for (const bytes of ['04', '0401', '048000', '04810100', '0482000100', '04820080', '0485000000000100', '04ff', '0484ffffffff', '1f8101', '0000']) {
    assert.throws(() => new DerReader(hex(bytes)).any(), DerError, bytes);
  }
  assert.throws(() => inside(hex('300000'), Tag.SEQUENCE), DerError);
});

test('Object identifiers, numbers and times have one form.', () => {
  assert.equal(objectIdentifier(hex('550403')), '2.5.4.3');
  assert.equal(objectIdentifier(hex('0992268993f22c640101')), '0.9.2342.19200300.100.1.1');
  assert.equal(objectIdentifier(hex('883703')), '2.999.3');
  for (const bytes of ['', '80', '2a80', '2a8001', 'ff'.repeat(65)]) assert.throws(() => objectIdentifier(hex(bytes)), DerError, bytes);
  assert.equal(integerHex(hex('00ff')), 'ff');
  assert.equal(integerHex(hex('00')), '00');
  assert.throws(() => integerHex(hex('')), DerError);
  const time = (tag: number, text: string): number => timeOf(new DerReader(der(tag, Buffer.from(text))).any());
  assert.equal(time(Tag.UTC_TIME, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(time(Tag.UTC_TIME, '500101000000Z'), Date.UTC(1950, 0, 1));
  assert.equal(time(Tag.GENERALIZED_TIME, '20500101000000Z'), Date.UTC(2050, 0, 1));
  for (const text of [
    '2601010000Z',
    '260101000000',
    '260101000000+0100',
    '261301000000Z',
    '260230000000Z',
    '260101240000Z',
    '260101006000Z',
    '260101000060Z',
  ]) {
    assert.throws(() => time(Tag.UTC_TIME, text), DerError, text);
  }
  assert.throws(() => time(Tag.GENERALIZED_TIME, '20500101000000.5Z'), DerError);
  assert.throws(() => time(Tag.INTEGER, '491231235959Z'), DerError);
});

test('Names are written as OpenSSL writes them by RFC 2253.', () => {
  const written = (...places: (Attribute | Attribute[])[]): string | null => rfc2253(readName(nameOf(...places)));
  // What stands on the right was printed by `openssl x509 -noout -subject -nameopt RFC2253`.
  assert.equal(written(utf8(OID.C, 'DE'), utf8(OID.O, 'Acme, Inc.'), utf8(OID.CN, 'device-1')), 'CN=device-1,O=Acme\\, Inc.,C=DE');
  assert.equal(written([utf8(OID.CN, 'a'), utf8(OID.OU, 'b')]), 'OU=b+CN=a');
  assert.equal(written(utf8(OID.CN, ' #x ')), 'CN=\\ #x\\ ');
  assert.equal(written(utf8(OID.CN, '#a"b\\c<d>e;f=g/h')), 'CN=\\#a\\"b\\\\c\\<d\\>e\\;f=g/h');
  assert.equal(written(utf8(OID.CN, 'Zürich\n')), 'CN=Z\\C3\\BCrich\\0A');
  assert.equal(written([OID.CN, Tag.BMP_STRING, hex('00fc')]), 'CN=\\C3\\BC');
  assert.equal(written(utf8(OID.unknown, 'x')), '1.2.3.4=#0C0178');
  assert.equal(written([OID.CN, Tag.OCTET_STRING, 'x']), 'CN=#040178');
  assert.equal(written(), '');
  assert.equal(written([OID.CN, Tag.UTF8_STRING, hex('ff')]), null);
});

test('Whatever is changed in a certificate, it is read or refused, and nothing else happens.', () => {
  const sound = certificateOf({ subject: nameOf(utf8(OID.CN, 'alice'), utf8(OID.O, 'Acme')), names: [der(0x82, Buffer.from('a.example'))] });
  const damage = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(sound.length), (changes, cut) => {
      const bytes = Buffer.from(sound);
      for (const [at, value] of changes) bytes[at] = value;
      for (const candidate of [bytes, bytes.subarray(0, cut)]) {
        try {
          readCertificate(candidate);
        } catch (error) {
          assert.ok(error instanceof DerError, String(error));
        }
      }
    }),
    { numRuns: 3000 },
  );
});
