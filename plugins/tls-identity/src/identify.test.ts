import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientCertificate } from '@portcullis/sdk';
import fc from 'fast-check';
import { certificate, options } from './host.test.support.js';
import { identify, MAX_GROUPS, MAX_USERNAME_BYTES } from './identify.js';
import type { Options } from './options.js';

const username = (shown: ClientCertificate, source: Options['username']): string => {
  const found = identify(shown, options({ username: source }));
  return 'unfit' in found ? `unfit: ${found.unfit}, ${found.source}` : found.identity.username;
};

describe('the username of a certificate', () => {
  test('is what the options say, letter for letter', () => {
    const shown = certificate({
      fields: { CN: ['Device-1 '] },
      distinguishedName: 'CN=Device-1\\ ,O=Acme\\, Inc.',
      names: { uri: ['urn:uuid:1'], dns: ['*.Device.example'], email: ['Me@example.org'] },
    });
    assert.equal(username(shown, 'cn'), 'Device-1 ');
    assert.equal(username(shown, 'subject'), 'CN=Device-1\\ ,O=Acme\\, Inc.');
    assert.equal(username(shown, 'san:uri'), 'urn:uuid:1');
    assert.equal(username(shown, 'san:dns'), '*.Device.example');
    assert.equal(username(shown, 'san:email'), 'Me@example.org');
    assert.equal(username(shown, 'serial'), '0A1B');
    assert.equal(username(shown, 'fingerprint'), 'ab'.repeat(32));
  });

  test('is none when the value is missing, empty, there twice, or hidden by the broker', () => {
    const many: readonly (readonly [readonly string[] | null, string])[] = [
      [[], 'missing'],
      [[''], 'missing'],
      [null, 'unreadable'],
      [['alice', 'bob'], 'ambiguous'],
      [['alice', 'alice'], 'ambiguous'],
      [['alice', ''], 'ambiguous'],
    ];
    for (const [values, why] of many) {
      assert.equal(username(certificate({ fields: { CN: values } }), 'cn'), `unfit: ${why}, cn`);
      for (const kind of ['uri', 'dns', 'email'] as const)
        assert.equal(username(certificate({ names: { [kind]: values } }), `san:${kind}`), `unfit: ${why}, san:${kind}`);
    }
    assert.equal(username(certificate({ distinguishedName: '' }), 'subject'), 'unfit: unreadable, subject');
  });

  test('may hold what is special in topics, and has a greatest length', () => {
    for (const name of ['a/b', '+', '#', '%u', '$SYS', '__proto__', 'constructor', 'a,CN=b'])
      assert.equal(username(certificate({ fields: { CN: [name] } }), 'cn'), name);
    assert.equal(username(certificate({ fields: { CN: ['x'.repeat(MAX_USERNAME_BYTES)] } }), 'cn').length, MAX_USERNAME_BYTES);
    assert.equal(username(certificate({ fields: { CN: ['x'.repeat(MAX_USERNAME_BYTES + 1)] } }), 'cn'), 'unfit: too-long, cn');
    assert.equal(username(certificate({ fields: { CN: ['ä'.repeat(MAX_USERNAME_BYTES / 2 + 1)] } }), 'cn'), 'unfit: too-long, cn');
  });

  test('is one value of the certificate or none, whatever stands in it', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('a/b', '+', '#', 'alice,bob', 'x\0y'));
    const values = fc.option(fc.array(value, { maxLength: 3 }));
    fc.assert(
      fc.property(values, values, values, values, (CN, uri, dns, email) => {
        const shown = certificate({ fields: { CN }, names: { uri, dns, email } });
        const lists = { cn: CN, 'san:uri': uri, 'san:dns': dns, 'san:email': email } as const;
        for (const [source, list] of Object.entries(lists)) {
          const found = identify(shown, options({ username: source as keyof typeof lists }));
          const [only = ''] = list ?? [];
          if (list?.length === 1 && only !== '') assert.deepEqual(found, { identity: { username: only } });
          else assert.ok('unfit' in found);
        }
      }),
    );
  });
});

describe('groups of a certificate', () => {
  const shown = certificate({ fields: { O: ['Acme'], OU: ['sensors', 'hall/2', 'sensors'] }, names: { uri: ['urn:g'] } });

  test('are all values of their sources, each once, behind the prefix', () => {
    const groups = [
      { from: 'ou', prefix: '' },
      { from: 'o', prefix: 'org:' },
      { from: 'san:uri', prefix: '' },
    ] as const;
    assert.deepEqual(identify(shown, options({ groups })), {
      identity: { username: 'device-1', groups: ['sensors', 'hall/2', 'org:Acme', 'urn:g'] },
    });
  });

  test('are left out when there are none', () => {
    assert.deepEqual(identify(shown, options({ groups: [{ from: 'san:dns', prefix: '' }] })), { identity: { username: 'device-1' } });
  });

  test('refuse the certificate when one cannot be read, for it may be one to which something is denied, or when they are too many', () => {
    const groups = [{ from: 'ou', prefix: '' }] as const;
    assert.deepEqual(identify(certificate({ fields: { OU: null } }), options({ groups })), { unfit: 'unreadable', source: 'ou' });
    const units = Array.from({ length: MAX_GROUPS + 1 }, (_, index) => `g${index}`);
    assert.deepEqual(identify(certificate({ fields: { OU: units } }), options({ groups })), { unfit: 'too-many-groups', source: 'ou' });
    const most = identify(certificate({ fields: { OU: units.slice(1) } }), options({ groups }));
    assert.equal('identity' in most && most.identity.groups?.length, MAX_GROUPS);
  });
});

describe('attributes of a certificate', () => {
  const wanted = [
    { name: 'org', from: 'o', optional: false },
    { name: 'serial', from: 'serial', optional: false },
    { name: 'unit', from: 'ou', optional: true },
  ] as const;

  test('are the one value of their sources', () => {
    const found = identify(certificate({ fields: { O: ['Acme'], OU: ['hall'] } }), options({ attributes: wanted }));
    assert.ok('identity' in found);
    assert.deepEqual({ ...found.identity.attributes }, { org: 'Acme', serial: '0A1B', unit: 'hall' });
  });

  test('may be missing only where that is said, and are never one of several', () => {
    const without = identify(certificate({ fields: { O: ['Acme'] } }), options({ attributes: wanted }));
    assert.ok('identity' in without);
    assert.deepEqual({ ...without.identity.attributes }, { org: 'Acme', serial: '0A1B' });
    assert.deepEqual(identify(certificate(), options({ attributes: wanted })), { unfit: 'missing', source: 'o' });
    const twice = certificate({ fields: { O: ['Acme'], OU: ['a', 'b'] } });
    assert.deepEqual(identify(twice, options({ attributes: wanted })), { unfit: 'ambiguous', source: 'ou' });
    const hidden = certificate({ fields: { O: ['Acme'], OU: null } });
    assert.deepEqual(identify(hidden, options({ attributes: wanted })), { unfit: 'unreadable', source: 'ou' });
  });
});
