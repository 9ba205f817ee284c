import 'reflect-metadata';
import assert from 'node:assert/strict';
import { KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { hex, nameOf, OID, utf8 } from '../x509/certificate.test.support.js';
import { certificateId, readCertificate } from '../x509/index.js';
import { critical, type ListContents, listOf } from '../x509/revocation-list.test.support.js';
import { MAX_KEPT_BYTES, MAX_LISTS, RevocationJudge } from './revocation-judge.js';

const NOW = Date.UTC(2026, 5, 15);
const NAME = 'authority';

async function rig() {
  x509.cryptoProvider.set(webcrypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.createSelfSigned({ name: `CN=${NAME}`, keys, signingAlgorithm: algorithm });
  const authority = new X509Certificate(made.toString('pem'));
  const key = KeyObject.from(keys.privateKey as Parameters<typeof KeyObject.from>[0]);
  const list = (contents: ListContents): Buffer => listOf({ issuer: nameOf(utf8(OID.CN, NAME)), key, ...contents });
  /** A judge that was given these files, and what it has complained of. */
  const judge = (...files: readonly Buffer[]) => {
    const problems: string[] = [];
    const made = RevocationJudge.of(
      [authority],
      NOW,
      (_at, message) => void problems.push(message),
      () => {},
    );
    assert.ok(made !== null);
    for (const bytes of files) made.add('x.crl', bytes, []);
    return { judge: made, problems };
  };
  return { list, judge, issuer: certificateId(readCertificate(authority.raw)).issuer };
}

test('What was in force is kept beside what is new where it says more, and only there: partial lists of one authority do not replace each other.', async () => {
  const { list, judge, issuer } = await rig();
  const [first, second] = [list({ revoked: ['0a'], thisUpdate: '260601000000Z' }), list({ revoked: ['0b'], thisUpdate: '260602000000Z' })];
  const known = judge(first, second).judge.lists;
  const standings = (made: RevocationJudge) => ['0a', '0b', '0c'].map((serial) => made.finish([], new Set()).judge({ issuer, serial }, NOW));
  const apart = judge(list({ revoked: ['0b', '0c'], thisUpdate: '260603000000Z' })).judge;
  assert.equal(apart.keep(known), true);
  assert.equal(apart.lists.length, 2);
  assert.deepEqual(standings(apart), ['revoked', 'revoked', 'revoked']);
  const whole = judge(list({ revoked: ['0b', '0a'], thisUpdate: '260603000000Z' })).judge;
  assert.equal(whole.keep(known), true);
  assert.equal(whole.lists.length, 1);
  assert.deepEqual(standings(whole), ['revoked', 'revoked', 'good']);
  // About others, or older: it says less.
  const authorities = [critical(hex('0603 551d1c'), hex('3003 8201ff'))];
  for (const less of [list({ revoked: ['0a', '0b'], extensions: authorities, thisUpdate: '260603000000Z' }), list({ revoked: ['0a', '0b'] })]) {
    const made = judge(less).judge;
    assert.equal(made.keep(known), true);
    assert.equal(made.lists.length, 3);
  }
});

test('Lists of other authorities, and with the signature of another key, are not kept.', async () => {
  const [own, other] = [await rig(), await rig()];
  const known = other.judge(other.list({ revoked: ['0a'] })).judge.lists;
  const { judge } = own.judge(own.list({}));
  assert.equal(judge.keep(known), true);
  assert.equal(judge.lists.length, 1);
});

test('What is kept of a file is bounded: of too much the newest stays, and it is told.', async () => {
  const { list, judge } = await rig();
  const known = judge(
    ...Array.from({ length: 12 }, (_, index) => list({ revoked: [`0${(index + 1).toString(16)}`], thisUpdate: `2601${10 + index}000000Z` })),
  ).judge.lists;
  const made = judge().judge;
  assert.equal(made.keep(known, 5 * 17_000), false);
  assert.deepEqual(
    made.lists.map(({ list: { thisUpdate } }) => new Date(thisUpdate).getUTCDate()),
    [21, 20, 19, 18, 17],
  );
  assert.equal(judge().judge.keep(known, MAX_KEPT_BYTES), true);
});

test('A list that is older than what was in force is put back: its issuer is judged by what was, and the lists of others are as they are.', async () => {
  const { list, judge } = await rig();
  const known = judge(list({ revoked: ['0a'], thisUpdate: '260601000000Z' })).judge.lists;
  const { judge: made, problems } = judge(list({ thisUpdate: '260501000000Z' }));
  made.refuseOlder(() => Date.UTC(2026, 5, 1), known, []);
  assert.deepEqual(made.lists, known);
  assert.match(problems.join(), /x\.crl: the list of "CN=authority" is of 2026-05-01T00:00:00Z, older than the one of 2026-06-01T00:00:00Z/);
  // One that is not valid yet makes none of today an old one.
  const ahead = judge(list({ thisUpdate: '261201000000Z' }));
  ahead.judge.refuseOlder(() => Date.UTC(2026, 5, 1), known, []);
  assert.deepEqual([ahead.judge.lists.length, ahead.problems], [1, []]);
});

test('A list about certificates of one kind that is older than the one before is put back, whatever there is about the other kind; a new one of that holds.', async () => {
  const { list, judge } = await rig();
  const about = (tag: string) => ({ extensions: [critical(hex('0603 551d1c'), hex(`3003 ${tag}01ff`))] });
  const [ends, authorities] = [about('81'), about('82')];
  const before = judge(list({ revoked: ['0a'], thisUpdate: '260601000000Z', ...ends }), list({ thisUpdate: '260602000000Z', ...authorities })).judge
    .lists;
  const { judge: made, problems } = judge(
    list({ thisUpdate: '260501000000Z', ...ends }),
    list({ revoked: ['0b'], thisUpdate: '260603000000Z', ...authorities }),
  );
  made.refuseOlder((_name, kind) => Date.UTC(2026, 5, kind === 'ends' ? 1 : 2), before, []);
  assert.deepEqual(
    made.lists.map(({ list: { covers, serials } }) => [covers, ...serials]),
    [
      ['authorities', '0b'],
      ['ends', '0a'],
    ],
  );
  assert.match(problems.join(), /^x\.crl: the list of "CN=authority" is of 2026-05-01T00:00:00Z, older than the one of 2026-06-01T00:00:00Z[^,]*$/);
});

const pem = (der: Buffer): string => `-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----\n`;

test('A file of many bad lists is complained of in a few lines, and the good one behind them is taken.', async () => {
  const { list, judge } = await rig();
  const bad = Array.from({ length: MAX_LISTS - 1 }, (_, index) => pem(Buffer.from([index >> 8, index & 0xff]))).join('');
  const { judge: made, problems } = judge(Buffer.from(bad + pem(list({}))));
  assert.equal(made.lists.length, 1);
  assert.deepEqual([problems.length, problems.at(-1)], [4, 'x.crl: 1020 more of its 1024 lists cannot be used']);
});

test('One list too many for a file, and none of it is taken; the same list over and over is one.', async () => {
  const { list, judge } = await rig();
  const bodies = Array.from({ length: MAX_LISTS + 1 }, (_, index) => pem(Buffer.from([index >> 8, index & 0xff])));
  const full = judge(Buffer.from(pem(list({})) + bodies.join('')));
  assert.deepEqual([full.judge.lists, full.problems], [[], ['x.crl holds more than 1024 revocation lists']]);
  const again = judge(Buffer.from(pem(list({})).repeat(MAX_LISTS + 1)));
  assert.deepEqual([again.judge.lists.length, again.problems], [1, []]);
});
