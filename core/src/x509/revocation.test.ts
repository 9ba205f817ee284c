import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCertificate } from './certificate.js';
import { certificateOf, der, extensionOf, hex, nameOf, OID, publicKey, utf8 } from './certificate.test.support.js';
import { DerError, Tag } from './der.js';
import { authorityId, certificateId, Revocation } from './revocation.js';
import { isSignedBy, readRevocationList } from './revocation-list.js';
import { critical, type ListContents, listOf, PSS } from './revocation-list.test.support.js';

const BEGIN = Date.UTC(2026, 0, 1);
const END = Date.UTC(2027, 0, 1);
const NOW = Date.UTC(2026, 5, 1);
const named = (name: string): Buffer => nameOf(utf8(OID.CN, name));

test('A list says who made it, when, until when, and which certificates it revokes.', () => {
  const list = readRevocationList(listOf({ issuer: named('CA'), revoked: ['0a', '00ff', '0100000000000000000000'] }));
  assert.equal(list.issuerName, 'CN=CA');
  assert.deepEqual([list.thisUpdate, list.nextUpdate], [BEGIN, END]);
  assert.deepEqual([...list.serials], ['0a', 'ff', '0100000000000000000000']);
  assert.equal(readRevocationList(listOf({ nextUpdate: null })).nextUpdate, null);
  assert.equal(readRevocationList(listOf()).serials.size, 0);
});

test('A list counts only with the signature of its issuer, of every usual kind.', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const edwards = generateKeyPairSync('ed25519');
  const rsaAlgorithm = der(Tag.SEQUENCE, hex('0609 2a864886f70d01010b 0500'));
  for (const [contents, own] of [
    [{}, publicKey],
    [{ algorithm: rsaAlgorithm, key: rsa.privateKey }, rsa.publicKey],
    [{ ...PSS, key: rsa.privateKey }, rsa.publicKey],
    [{ algorithm: der(Tag.SEQUENCE, hex('0603 2b6570')), hash: null, key: edwards.privateKey }, edwards.publicKey],
  ] as const) {
    const bytes = listOf({ ...contents, revoked: ['0a'] });
    assert.equal(isSignedBy(readRevocationList(bytes), own), true);
    for (const key of [publicKey, rsa.publicKey, edwards.publicKey]) assert.equal(isSignedBy(readRevocationList(bytes), key), key === own);
    const changed = Buffer.from(bytes);
    changed[bytes.indexOf(hex('02010a'), 30) + 2] = 0x0b;
    assert.ok(readRevocationList(changed).serials.has('0b'));
    assert.equal(isSignedBy(readRevocationList(changed), own), false);
  }
});

test('A list that is not complete, or says what is not understood, is refused.', () => {
  const cases: readonly ListContents[] = [
    // A delta list.
    { extensions: [critical(hex('0603 551d1b'), hex('020101'))] },
    { extensions: [extensionOf(hex('0603 551d1b'), hex('020101'))] },
    // About some reasons only; about the certificates of others.
    { extensions: [critical(hex('0603 551d1c'), hex('3004 83020780'))] },
    { extensions: [critical(hex('0603 551d1c'), hex('3003 8401ff'))] },
    // About attribute certificates; about those of authorities that are none.
    { extensions: [critical(hex('0603 551d1c'), hex('3003 8501ff'))] },
    { extensions: [critical(hex('0603 551d1c'), hex('3006 8101ff 8201ff'))] },
    { extensions: [critical(OID.unknown, hex('0500'))] },
    { revoked: ['0a'], entryExtensions: [critical(hex('0603 551d1d'), hex('3000'))] },
    { algorithm: der(Tag.SEQUENCE, hex('0609 2a864886f70d010105 0500')) },
    { innerAlgorithm: der(Tag.SEQUENCE, hex('0608 2a8648ce3d040303')) },
    { thisUpdate: '260230000000Z' },
  ];
  for (const contents of cases) assert.throws(() => readRevocationList(listOf(contents)), DerError);
  const harmless: readonly ListContents[] = [
    { extensions: [extensionOf(hex('0603 551d14'), hex('020101')), extensionOf(OID.unknown, hex('0500'))] },
    { extensions: [critical(hex('0603 551d1c'), hex('3003 8101ff'))] },
    { extensions: [critical(hex('0603 551d1c'), hex('3003 8201ff'))] },
    { revoked: ['0a'], entryExtensions: [extensionOf(hex('0603 551d15'), hex('0a0101'))] },
  ];
  for (const contents of harmless) assert.ok(readRevocationList(listOf(contents)));
  for (const bytes of ['', '30', '3000', '020101']) assert.throws(() => readRevocationList(hex(bytes)), DerError);
  assert.throws(() => readRevocationList(Buffer.concat([listOf(), hex('00')])), DerError);
});

test('A list that was made to take long is read in the time that its size takes: it is read before its signature is verified.', () => {
  const number = (value: number): Buffer => Buffer.from([0x2a, 0x81, 0x80 | (value >> 14), 0x80 | ((value >> 7) & 0x7f), value & 0x7f]);
  const extensions = Array.from({ length: 50_000 }, (_, index) => extensionOf(der(Tag.OBJECT_IDENTIFIER, number(index)), hex('0500')));
  const cases: readonly ListContents[] = [
    { extensions },
    { revoked: ['0a'], entryExtensions: extensions },
    { issuer: named(`x${' '.repeat(500_000)}x`) },
    { issuer: nameOf(...Array.from({ length: 50_000 }, () => utf8(OID.CN, 'x'))) },
  ];
  for (const contents of cases) {
    const bytes = listOf(contents);
    const begunAt = performance.now();
    assert.ok(readRevocationList(bytes));
    assert.ok(performance.now() - begunAt < 5000);
  }
});

const authority = (subject: string, issuer: string, serial: string) =>
  authorityId(readCertificate(certificateOf({ subject: named(subject), issuer: named(issuer), serial: hex(serial) })));
const list = (issuer: string, given: ListContents = {}) => ({
  file: `${issuer}.crl`,
  list: readRevocationList(listOf({ ...given, issuer: named(issuer) })),
});
const certificate = (issuer: string, serial: string) => certificateId(readCertificate(certificateOf({ issuer: named(issuer), serial: hex(serial) })));
const ROOT = authority('root', 'root', '01');

test('A certificate is revoked by the list of its issuer, and by no other.', () => {
  const revocation = new Revocation([list('root', { revoked: ['0a'] }), list('other')], [ROOT, authority('other', 'other', '01')]);
  assert.equal(revocation.judge(certificate('root', '0a'), NOW), 'revoked');
  assert.equal(revocation.judge(certificate('root', '000a'), NOW), 'revoked');
  assert.equal(revocation.judge(certificate('root', '0b'), NOW), 'good');
  assert.equal(revocation.judge(certificate('other', '0a'), NOW), 'good');
  assert.equal(revocation.judge(certificate('nobody', '0a'), NOW), 'unproven');
});

test('An issuer is known by its name as OpenSSL compares names: in any type of text, case and number of blanks.', () => {
  const issuer = nameOf([OID.CN, Tag.PRINTABLE_STRING, ' My  Root']);
  const revocation = new Revocation(
    [{ file: 'x', list: readRevocationList(listOf({ issuer, revoked: ['0a'] })) }],
    [authority('my root', 'my root', '01')],
  );
  assert.equal(revocation.judge(certificate('MY ROOT ', '0a'), NOW), 'revoked');
  assert.equal(revocation.judge(certificate('my root', '0b'), NOW), 'good');
  assert.equal(revocation.judge(certificate('myroot', '0a'), NOW), 'unproven');
  // An organisation is no common name.
  assert.equal(revocation.judge(certificateId(readCertificate(certificateOf({ issuer: nameOf(utf8(OID.O, 'my root')) }))), NOW), 'unproven');
});

test('Without a list that is in force nothing is proven; what an old list has revoked stays revoked.', () => {
  const revocation = new Revocation([list('root', { revoked: ['0a'] })], [ROOT]);
  for (const [now, standing] of [
    [BEGIN - 1, 'unproven'],
    [BEGIN, 'good'],
    [END, 'good'],
    [END + 1, 'unproven'],
  ] as const) {
    assert.equal(revocation.judge(certificate('root', '0b'), now), standing);
    assert.equal(revocation.judge(certificate('root', '0a'), now), 'revoked');
  }
  assert.equal(new Revocation([], [ROOT]).judge(certificate('root', '0b'), NOW), 'unproven');
  const two = new Revocation([list('root', { nextUpdate: '260201000000Z' }), list('root', { thisUpdate: '260115000000Z' })], [ROOT]);
  assert.equal(two.judge(certificate('root', '0b'), NOW), 'good');
  assert.equal(revocation.nextChange(BEGIN - 1), BEGIN);
  assert.equal(revocation.nextChange(BEGIN), END);
  assert.equal(revocation.nextChange(END), Number.POSITIVE_INFINITY);
  assert.equal(new Revocation([list('root', { nextUpdate: null })], [ROOT]).judge(certificate('root', '0b'), END * 2), 'good');
});

test('Every authority above a certificate is judged, too.', () => {
  const lower = authority('lower', 'root', '0c');
  const judge = (...lists: { file: string; list: ReturnType<typeof readRevocationList> }[]) =>
    new Revocation(lists, [ROOT, lower]).judge(certificate('lower', '0a'), NOW);
  assert.equal(judge(list('root'), list('lower')), 'good');
  assert.equal(judge(list('root', { revoked: ['0c'] }), list('lower')), 'revoked');
  assert.equal(judge(list('lower')), 'unproven');
  assert.equal(judge(list('root')), 'unproven');
  assert.equal(judge(list('root', { nextUpdate: '260201000000Z' }), list('lower')), 'unproven');
});

test('Of two authorities with one name both must be good, and a ring of them comes to an end.', () => {
  const [first, second] = [authority('lower', 'root', '0c'), authority('lower', 'root', '0d')];
  const both = new Revocation([list('root', { revoked: ['0d'] }), list('lower')], [ROOT, first, second]);
  assert.equal(both.judge(certificate('lower', '0a'), NOW), 'revoked');
  const ring = new Revocation([list('a'), list('b')], [authority('a', 'b', '01'), authority('b', 'a', '01')]);
  assert.equal(ring.judge(certificate('a', '0a'), NOW), 'good');
});

test('Whatever is changed in a list, it is read or refused, and nothing else happens.', () => {
  const sound = listOf({ revoked: ['0a', '0b'], extensions: [extensionOf(hex('0603 551d14'), hex('020101'))] });
  const damage = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(sound.length), (changes, cut) => {
      const bytes = Buffer.from(sound);
      for (const [at, value] of changes) bytes[at] = value;
      for (const candidate of [bytes, bytes.subarray(0, cut)]) {
        try {
          const read = readRevocationList(candidate);
          if (candidate === bytes && !bytes.equals(sound)) assert.equal(isSignedBy(read, publicKey), false);
        } catch (error) {
          assert.ok(error instanceof DerError, String(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test('A list of certificates of one kind proves nothing of the other, and revokes whom it names.', () => {
  const scope = (tag: string): ListContents => ({ revoked: ['0a'], extensions: [critical(hex('0603 551d1c'), hex(`3003 ${tag}01ff`))] });
  const [ends, authorities] = [list('root', scope('81')), list('root', scope('82'))];
  const lower = authority('lower', 'root', '0b');
  const below = certificate('lower', '05');
  const judged = (...lists: readonly (typeof ends)[]) => {
    const revocation = new Revocation([...lists, list('lower')], [ROOT, lower]);
    return [certificate('root', '05'), certificate('root', '0a'), below].map((id) => revocation.judge(id, NOW));
  };
  assert.deepEqual(judged(list('root')), ['good', 'good', 'good']);
  assert.deepEqual(judged(authorities), ['unproven', 'revoked', 'good']);
  // Above it stands the root itself, which no such list is about.
  assert.deepEqual(judged(ends), ['unproven', 'revoked', 'unproven']);
  assert.deepEqual(judged(ends, authorities), ['good', 'revoked', 'good']);
});

test('Lists of one issuer that are parts by their distribution points prove something together, and each part has to be in force.', () => {
  // distributionPoint [0] { fullName [0] { uniformResourceIdentifier [6] } }
  const part = (letter: string, more: ListContents = {}) => {
    const point = der(0xa0, der(0xa0, der(0x86, Buffer.from(letter))));
    return readRevocationList(listOf({ issuer: named('CA'), ...more, extensions: [critical(hex('0603 551d1c'), der(Tag.SEQUENCE, point))] }));
  };
  const whole = readRevocationList(listOf({ issuer: named('CA') }));
  const authority = authorityId(readCertificate(certificateOf({ subject: named('CA'), issuer: named('root') })));
  const certificate = { issuer: authority.subject, serial: '0b' };
  const above = { file: 'above', list: readRevocationList(listOf({ issuer: named('root') })) };
  const root = authorityId(readCertificate(certificateOf({ subject: named('root'), issuer: named('root') })));
  const judge = (lists: readonly ReturnType<typeof part>[], gone: readonly number[] = []): string =>
    new Revocation([above, ...lists.map((list, index) => ({ file: `${index}`, list }))], [authority, root], new Set(gone.map(String))).judge(
      certificate,
      NOW,
    );
  const old = { nextUpdate: '260301000000Z' };
  assert.equal(judge([part('a')]), 'good');
  assert.equal(judge([part('a'), part('b')]), 'good');
  assert.equal(judge([part('a'), part('b', old)]), 'unproven');
  assert.equal(judge([part('a'), part('b')], [1]), 'unproven');
  assert.equal(judge([part('a'), part('b', old), part('b')]), 'good');
  assert.equal(judge([part('a'), part('b', old), whole]), 'good');
  assert.equal(judge([part('a'), part('b', { revoked: ['0b'] })]), 'revoked');
});
