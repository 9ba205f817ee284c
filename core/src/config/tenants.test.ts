import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CHAIN, changed, documentOf, LOCAL, mistakes, SOUND } from './document.test.support.js';
import { validateDocument } from './load.js';

const local = (more: string): string => LOCAL.replace(' }', `, ${more} }`);
const withTenants = (tenants: string, listener = LOCAL): string =>
  changed(LOCAL, listener).replace(`"default": ${CHAIN}\n  }`, `"default": ${CHAIN}\n  },\n  "tenants": ${tenants}`);
const ACME = '{ "acme": {} }';

describe('a mistake about tenants is named with its place:', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a listener for a tenant where there are none',
      changed(LOCAL, local('"tenant": "acme"')),
      ['4:78 listeners.local.tenant: there is no tenant "acme" — name it under "tenants"'],
    ],
    [
      'a listener for a tenant that is misspelt',
      withTenants(ACME, local('"tenant": "amce"')),
      ['4:78 listeners.local.tenant: there is no tenant "amce" — did you mean "acme"?'],
    ],
    [
      'a name that cannot be one',
      withTenants(ACME, local('"tenant": "a/b"')),
      [
        '4:78 listeners.local.tenant: is not allowed — names begin with a letter; letters, digits, ".", "_" and "-" may follow, 64 characters in all',
        '4:78 listeners.local.tenant: there is no tenant "a/b" — known: "acme"',
      ],
    ],
    [
      'a tenant whose name cannot be one',
      withTenants('{ "1st": {} }'),
      [
        '14:16 tenants["1st"]: the name "1st" is not allowed — names begin with a letter; letters, digits, ".", "_" and "-" may follow, 64 characters in all',
      ],
    ],
    [
      'a way that is misspelt',
      withTenants(ACME, local('"tenant": { "usrname": "<tenant>/<user>" }')),
      ['4:80 listeners.local.tenant.usrname: unknown key "usrname" — did you mean "username"?'],
    ],
    [
      'two ways at once',
      withTenants(ACME, local('"tenant": { "username": "<tenant>/<user>", "certificate": "O" }')),
      [
        '4:78 listeners.local.tenant: must have at most 1 entries',
        '4:111 listeners.local.tenant.certificate: clients of this listener are asked for no certificate — set "clientCertificate" in its "tls" to "required"',
      ],
    ],
    [
      'no way at all',
      withTenants(ACME, local('"tenant": {}')),
      ['4:78 listeners.local.tenant: must not be empty — How the tenant of a client is known'],
    ],
    ...['<tenant><user>', '<tenant>-<user>', '<tenant>/', 'x<tenant>/<user>', '<tenant>/<user>/<tenant>', '/'].map(
      (form) =>
        [
          `a form of usernames that says nothing: ${form}`,
          withTenants(ACME, local(`"tenant": { "username": "${form}" }`)),
          [
            '4:92 listeners.local.tenant.username: does not say where the tenant stands in the username — "<tenant>/<user>" or "<user>@<tenant>"; between them something that no name holds',
          ],
        ] as const,
    ),
    [
      'usernames that name tenants where there are none',
      changed(LOCAL, local('"tenant": { "username": "<tenant>/<user>" }')),
      ['4:68 listeners.local.tenant: there are no tenants — name them under "tenants"; a client of any other is refused'],
    ],
    [
      'server names without TLS',
      withTenants(ACME, local('"tenant": { "sni": { "a.example": "acme" } }')),
      ['4:80 listeners.local.tenant.sni: clients of this listener ask for no server name — it is for mqtts:// and wss:// listeners'],
    ],
    [
      'a field that certificates do not have',
      withTenants(ACME, local('"tenant": { "certificate": "o" }')),
      [
        '4:80 listeners.local.tenant.certificate: clients of this listener are asked for no certificate — set "clientCertificate" in its "tls" to "required"',
        '4:95 listeners.local.tenant.certificate: must be one of "O", "OU", "CN" — did you mean "O"?',
      ],
    ],
    [
      'a listener that leads to a tenant which is not admitted there',
      withTenants('{ "acme": { "listeners": ["web"] } }', local('"tenant": "acme"')),
      ['4:78 listeners.local.tenant: the tenant "acme" is not admitted on this listener — add "local" to the "listeners" of the tenant'],
    ],
    [
      'a chain that is not there',
      withTenants('{ "acme": { "chain": "defualt" } }'),
      ['14:35 tenants.acme.chain: there is no chain "defualt" — did you mean "default"?'],
    ],
    [
      'a listener that is not there',
      withTenants('{ "acme": { "listeners": ["lokal"] } }'),
      ['14:40 tenants.acme.listeners[0]: there is no listener "lokal" — did you mean "local"?'],
    ],
    [
      'no listener',
      withTenants('{ "acme": { "listeners": [] } }'),
      ['14:39 tenants.acme.listeners: must not be empty — Listeners on which alone it is admitted; on all without it'],
    ],
    ['a limit of 0 sessions', withTenants('{ "acme": { "limits": { "sessions": 0 } } }'), ['14:50 tenants.acme.limits.sessions: must be at least 1']],
    [
      'a limit that is none',
      withTenants('{ "acme": { "limits": { "session": 1 } } }'),
      ['14:38 tenants.acme.limits.session: unknown key "session" — did you mean "sessions"?'],
    ],
    [
      'an export to a tenant that is not there',
      withTenants('{ "acme": { "exports": [{ "to": "beta", "topics": ["a"] }] } }'),
      ['14:46 tenants.acme.exports[0].to: there is no tenant "beta" — known: "acme"'],
    ],
    [
      'an export to itself',
      withTenants('{ "acme": { "exports": [{ "to": "acme", "topics": ["a"] }] } }'),
      ['14:46 tenants.acme.exports[0].to: a tenant cannot export to itself — what is published there is there already'],
    ],
    [
      'an export of no topics, of what is no filter, and of the topics of the broker',
      withTenants(
        '{ "acme": { "exports": [{ "to": "beta", "topics": [] }, { "to": "beta", "topics": ["a#", "$SYS/#", "$share/g/a"] }] }, "beta": {} }',
      ),
      [
        '14:64 tenants.acme.exports[0].topics: must not be empty — Topic filters of what goes there',
        '14:97 tenants.acme.exports[1].topics[0]: is not a valid topic filter — "#" stands last and alone in its level, "+" alone in its level',
        '14:103 tenants.acme.exports[1].topics[1]: topics that begin with $ stay in their tenant — remove it',
        '14:113 tenants.acme.exports[1].topics[2]: is not a valid topic filter — "#" stands last and alone in its level, "+" alone in its level',
      ],
    ],
    ...['$SYS', 'a/+', 'a/'].map(
      (under) =>
        [
          `an export below what is no topic: ${under}`,
          withTenants(`{ "acme": { "exports": [{ "to": "beta", "topics": ["a"], "under": "${under}" }] }, "beta": {} }`),
          [
            '14:80 tenants.acme.exports[0].under: cannot be put before a topic — levels without wildcards, not beginning with "$" nor ending with "/": "from/acme"',
          ],
        ] as const,
    ),
    [
      'a mountpoint without a slash at its end',
      changed(LOCAL, local('"mountpoint": "acme"')),
      ['4:82 listeners.local.mountpoint: must end with a slash — write "acme/": else its clients would share a level with others'],
    ],
    ...['', '+/', 'a/#/', '$SYS/', '$share/g/'].map(
      (mountpoint) =>
        [
          `a mountpoint that is no topic: "${mountpoint}"`,
          changed(LOCAL, local(`"mountpoint": "${mountpoint}"`)),
          ['4:82 listeners.local.mountpoint: topics cannot lie below it — levels without wildcards, not beginning with "$": "acme/"'],
        ] as const,
    ),
  ];
  for (const [title, text, expected] of cases) test(title, () => assert.deepEqual(mistakes(text), expected));
});

test('what is sound is read with its defaults, and without any of it there are no tenants', () => {
  const text = withTenants(
    '{ "acme": { "chain": "default", "limits": { "sessions": 5 }, "exports": [{ "to": "beta", "topics": ["a/#"] }] }, "beta": { "listeners": ["local"] } }',
    local('"mountpoint": "m/", "tenant": { "username": "<user>@@<tenant>" }'),
  );
  const { config, problems } = validateDocument(documentOf(text), {});
  assert.deepEqual(problems, []);
  const [listener] = config?.listeners ?? [];
  assert.deepEqual([listener?.mountpoint, { ...listener?.tenant }], ['m/', { by: 'username', separator: '@@', tenantFirst: false }]);
  const acme = config?.tenants?.get('acme');
  assert.deepEqual([acme?.chain, acme?.listeners, acme?.limits.sessions, acme?.limits.queuedBytes], ['default', null, 5, Number.POSITIVE_INFINITY]);
  assert.deepEqual({ ...acme?.exports[0] }, { to: 'beta', topics: ['a/#'], under: '', retain: false });
  assert.deepEqual(config?.tenants?.get('beta')?.listeners, ['local']);
  assert.equal(validateDocument(documentOf(SOUND), {}).config?.tenants, null);
});
