import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startTestBroker } from '@portcullis/testing';
import { certificate, Host, NOW } from './host.test.support.js';
import plugin from './index.js';

const DEVICE = { username: 'device-1' };
const BAD = ['deny', 'bad-credentials'];
const OUT = ['deny', 'not-authorized'];

describe('tls-identity as an authority', () => {
  test('lets a certificate in as its user, until the certificate is over', () => {
    assert.deepEqual(new Host().authenticate(certificate()), ['allow', { identity: DEVICE, leaseSeconds: 60 }]);
  });

  test('skips without TLS and without a certificate, for the next one', () => {
    const host = new Host();
    assert.deepEqual(host.authenticate(null, 'device-1'), ['skip']);
    assert.deepEqual(host.withoutTls('authenticate'), ['skip']);
  });

  test('refuses a certificate that names nobody, and does not leave it to the next one', () => {
    const host = new Host();
    assert.deepEqual(host.authenticate(certificate({ fields: { CN: [] } })), BAD);
    assert.deepEqual(host.authenticate(certificate({ fields: { CN: ['alice', 'bob'] } })), BAD);
    assert.deepEqual(host.counted, ['refused.missing', 'refused.ambiguous']);
  });

  test('refuses a certificate that is over, though a resumed session still had it', () => {
    const host = new Host();
    host.now = NOW + 60_000;
    assert.deepEqual(host.authenticate(certificate()), BAD);
    assert.deepEqual(host.authenticate(certificate({ validTo: Number.NaN })), BAD);
  });

  test('compares the username of the CONNECT as the options say', () => {
    const shown = certificate();
    const outcome = (match: 'ignore' | 'absent-or-equal' | 'equal', username: string | null): string =>
      new Host({ match }).authenticate(shown, username)[0];
    assert.deepEqual([outcome('ignore', null), outcome('ignore', 'device-1'), outcome('ignore', 'bob')], ['allow', 'allow', 'allow']);
    for (const other of ['bob', '', 'Device-1', 'device-1 ', '__proto__']) {
      assert.equal(outcome('absent-or-equal', other), 'deny');
      assert.equal(outcome('equal', other), 'deny');
    }
    assert.deepEqual([outcome('absent-or-equal', null), outcome('absent-or-equal', 'device-1')], ['allow', 'allow']);
    assert.deepEqual([outcome('equal', null), outcome('equal', 'device-1')], ['deny', 'allow']);
  });

  test('confirms its identity while the certificate lasts', () => {
    const host = new Host({ groups: [{ from: 'ou', prefix: '' }], attributes: [{ name: 'o', from: 'o', optional: false }] });
    const shown = certificate({ fields: { OU: ['g'], O: ['Acme'] } });
    const identity = { ...DEVICE, groups: ['g'], attributes: { o: 'Acme' } };
    host.now = NOW + 59_000;
    assert.deepEqual(host.refresh(shown, identity), ['allow', { leaseSeconds: 1 }]);
    host.now = NOW + 60_000;
    assert.deepEqual(host.refresh(shown, identity), OUT);
    assert.deepEqual(host.counted, ['refused.expired']);
  });

  test('does not confirm an identity that new options make of another name, other groups or attributes', () => {
    const shown = certificate({ fields: { OU: ['g', 'h'], O: ['Acme'] } });
    const host = new Host({ groups: [{ from: 'ou', prefix: '' }], attributes: [{ name: 'o', from: 'o', optional: false }] });
    const right = { ...DEVICE, groups: ['g', 'h'], attributes: { o: 'Acme' } };
    assert.equal(host.refresh(shown, right)[0], 'allow');
    const others = [
      { ...right, username: '0A1B' },
      { ...right, groups: ['g'] },
      { ...right, groups: ['g', 'i'] },
      { ...right, groups: ['g', 'h', 'i'] },
      { ...right, attributes: {} },
      { ...right, attributes: { o: 'Other' } },
      { ...right, attributes: { o: 'Acme', more: 1 } },
      { anonymous: true } as const,
    ];
    for (const other of others) assert.deepEqual(host.refresh(shown, other), OUT, JSON.stringify(other));
    assert.deepEqual(host.refresh(null, right), OUT);
    assert.deepEqual(host.withoutTls('refreshIdentity'), OUT);
    assert.deepEqual(host.refresh(certificate({ fields: { CN: [] } }), right), OUT);
  });
});

describe('tls-identity as a guard', () => {
  test('lets nobody pass without a certificate that stands', () => {
    const host = new Host({ role: 'guard' });
    assert.deepEqual(host.admitClient(certificate()), ['pass']);
    assert.deepEqual(host.admitClient(null), BAD);
    assert.deepEqual(host.withoutTls('admitClient'), BAD);
    host.now = NOW + 60_000;
    assert.deepEqual(host.admitClient(certificate()), BAD);
    assert.deepEqual(host.counted, ['refused.no-certificate', 'refused.no-certificate', 'refused.expired']);
  });

  test('does not look at who it is unless told', () => {
    const host = new Host({ role: 'guard' });
    for (const identity of [DEVICE, { username: 'bob' }, { anonymous: true } as const])
      assert.deepEqual(host.admitIdentity(certificate({ fields: { CN: [] } }), identity), ['pass']);
  });

  test('with "sameUser" asks for the same user by password and by certificate', () => {
    const host = new Host({ role: 'guard', sameUser: true });
    assert.deepEqual(host.admitIdentity(certificate(), DEVICE), ['pass']);
    for (const identity of [{ username: 'bob' }, { username: 'Device-1' }, { anonymous: true } as const])
      assert.deepEqual(host.admitIdentity(certificate(), identity), BAD);
    assert.deepEqual(host.admitIdentity(certificate({ fields: { CN: ['device-1', 'bob'] } }), DEVICE), BAD);
    assert.deepEqual(host.admitIdentity(certificate({ fields: { CN: [] } }), DEVICE), BAD);
    assert.deepEqual(host.admitIdentity(null, DEVICE), BAD);
    assert.deepEqual(host.withoutTls('admitIdentity'), BAD);
  });
});

describe('what an administrator hears of tls-identity', () => {
  test('is one line for each kind of refusal in ten seconds, with what tells the certificate and nothing that it says', () => {
    const host = new Host();
    const twice = certificate({ fields: { CN: ['alice', 'bob'] } });
    for (let i = 0; i < 100; i += 1) host.authenticate(twice);
    host.authenticate(certificate({ fields: { CN: [] } }));
    const which = { source: 'cn', serial: '0A1B', fingerprint: 'ab'.repeat(32) };
    assert.deepEqual(host.logged, [
      [which, 'a certificate has several values where one is wanted'],
      [which, 'a certificate has no value where one is wanted'],
    ]);
    host.now += 9_999;
    host.authenticate(twice);
    assert.equal(host.logged.length, 2);
    host.now += 1;
    host.authenticate(twice);
    assert.equal(host.logged.length, 3);
    assert.equal(host.counted.filter((name) => name === 'refused.ambiguous').length, 102);
  });

  test('is told of a mistake in the options before anybody is let in', async () => {
    const attributes = [
      { name: 'a', from: 'o' },
      { name: 'a', from: 'ou' },
    ];
    await assert.rejects(startTestBroker({ plugin, config: { attributes } }), /"a" is given twice; give each attribute a name of its own/);
    const idle = [
      { role: 'authority', sameUser: true },
      { role: 'authority', sameUser: false },
      { role: 'guard', match: 'equal' },
      { role: 'guard', groups: [] },
      { role: 'guard', attributes: [] },
      { role: 'guard', username: 'cn' },
      { role: 'guard', username: 'cn', sameUser: false },
    ];
    for (const config of idle) {
      const chain = config.role === 'guard' ? { guards: ['plugin'], authenticate: ['kit-everybody'] } : { authenticate: ['plugin'] };
      await assert.rejects(
        startTestBroker({ plugin, config, chain }),
        /"(\w+)" is of no use here: it is for .*; change the role or take the option out/,
      );
    }
    const wrong = [
      { username: 'ou' },
      { usernam: 'cn' },
      { match: true },
      { role: 'both' },
      { groups: ['ou'] },
      { attributes: [{ name: '__proto__', from: 'o' }] },
      { attributes: [{ name: 'a', from: 'subject' }] },
    ];
    for (const config of wrong) await assert.rejects(startTestBroker({ plugin, config }), /plugins\.plugin\.config/, JSON.stringify(config));
  });

  test('is told when the entry stands in the list of the other role', async () => {
    await assert.rejects(
      startTestBroker({ plugin, chain: { guards: ['plugin'], authenticate: ['plugin'] } }),
      /"guards" names the plugin plugin, which taps none of/,
    );
    await assert.rejects(
      startTestBroker({ plugin, config: { role: 'guard' }, chain: { authenticate: ['plugin'] } }),
      /"authenticate" names the plugin plugin, which taps none of/,
    );
  });
});
