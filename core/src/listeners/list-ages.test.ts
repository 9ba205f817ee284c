import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Revocation, readRevocationList } from '../x509/index.js';
import { listOf } from '../x509/revocation-list.test.support.js';
import { ListAges } from './list-ages.js';
import type { TlsMaterial, TlsPair } from './tls-material.js';

const NOW = Date.UTC(2026, 5, 15);

/** Material with one list of these dates, as UTCTime has them, for the pair itself, and another for one name. */
function material(own: string | null, named: string | null = null): TlsMaterial {
  const pair = (thisUpdate: string | null): TlsPair => ({
    context: {},
    revocation: new Revocation(thisUpdate === null ? [] : [{ file: 'x.crl', list: readRevocationList(listOf({ thisUpdate })) }], []),
  });
  const rest = { clientCertificate: 'required', unknownName: 'default', resumes: true, digest: '', warnings: [] } as const;
  return { ...pair(own), names: new Map([['a.example', pair(named)]]), ...rest };
}

test('A list that is older than the one in force is complained of, with both dates and what to do.', () => {
  const ages = new ListAges();
  ages.note(material('260601000000Z'), NOW);
  assert.equal(ages.problem(material('260601000000Z'), NOW), null);
  assert.equal(ages.problem(material('260602000000Z'), NOW), null);
  assert.equal(
    ages.problem(material('260531000000Z'), NOW),
    'x.crl: the list of "CN=authority" is of 2026-05-31T00:00:00Z, older than the one of 2026-06-01T00:00:00Z that was in force ' +
      '(put the newer one back, or restart the broker to take the older one)',
  );
});

test('Each server name has lists of its own, and one that was away for a while is remembered.', () => {
  const ages = new ListAges();
  ages.note(material('260601000000Z', '260501000000Z'), NOW);
  assert.equal(ages.problem(material('260601000000Z', '260501000000Z'), NOW), null);
  assert.notEqual(ages.problem(material('260601000000Z', '260430000000Z'), NOW), null);
  ages.note(material(null), NOW);
  assert.notEqual(ages.problem(material('260531000000Z'), NOW), null);
});

test('A list that is not valid yet makes none of today an old one: the clock of its authority may have been put right.', () => {
  const ages = new ListAges();
  ages.note(material('260601000000Z'), NOW);
  assert.equal(ages.problem(material('261201000000Z'), NOW), null);
  ages.note(material('261201000000Z'), NOW);
  assert.equal(ages.problem(material('260602000000Z'), NOW), null);
});

test('A list that was taken though it is older is the one that others are compared with from then on.', () => {
  const ages = new ListAges();
  ages.note(material('260601000000Z'), NOW);
  assert.equal(ages.newest('', 'CN=authority', 'ends'), Date.UTC(2026, 5, 1));
  ages.note(material('260501000000Z'), NOW);
  assert.equal(ages.newest('', 'CN=authority', 'ends'), Date.UTC(2026, 5, 1));
  ages.note(material('260501000000Z'), NOW, true);
  assert.equal(ages.newest('', 'CN=authority', 'ends'), Date.UTC(2026, 4, 1));
  assert.equal(ages.problem(material('260502000000Z'), NOW), null);
  assert.deepEqual([ages.newest('a.example', 'CN=authority', 'ends'), ages.newest('', 'CN=other', 'ends')], [null, null]);
});
