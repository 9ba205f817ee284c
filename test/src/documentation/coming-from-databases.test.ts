import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './sdk-source.js';

const SECTIONS = readFileSync(join(ROOT, 'docs', 'coming-from-databases.md'), 'utf8')
  .split('\n## ')
  .slice(1);

/** Options as the sources of mosquitto-go-auth read them (go-auth.go, backends, hashing), or as its README names them. */
const GO_AUTH = {
  both: [
    'backends exhaust_backend_first use_clientid_as_username disable_superuser retry_count check_prefix strip_prefix prefixes',
    'log_level log_dest log_file pg_register redis_register',
    'cache cache_type cache_reset cache_refresh auth_cache_seconds acl_cache_seconds auth_jitter_seconds acl_jitter_seconds',
    'cache_host cache_port cache_password cache_db cache_mode cache_addresses',
    'hasher pg_hasher redis_hasher hasher_salt_size hasher_iterations hasher_keylen hasher_algorithm hasher_salt_encoding',
    'hasher_cost hasher_memory hasher_parallelism',
  ],
  postgres: [
    'pg_host pg_port pg_dbname pg_user pg_password pg_userquery pg_superquery pg_aclquery pg_sslmode pg_sslcert pg_sslkey pg_sslrootcert',
    'pg_connect_tries pg_max_life_time',
  ],
  redis: ['redis_host redis_port redis_db redis_password redis_disable_superuser redis_mode redis_cluster_addresses redis_salt_encoding'],
};

/** Fields of EMQX's schemas for authentication and authorization by these backends, with those of the connectors and of TLS for clients. */
const EMQX = {
  both: [
    'mechanism backend type enable precondition auto_reconnect connect_timeout',
    'password_hash_algorithm salt_position salt_rounds mac_fun iterations dk_length password_hash password salt is_superuser',
    'authorization.sources authorization.no_match authorization.deny_action authorization.cache authorization.node_cache',
    'authorization.ignore_backend_failures authentication_cache',
    'ssl.enable ssl.verify ssl.cacertfile ssl.cacerts ssl.certfile ssl.keyfile ssl.password ssl.server_name_indication ssl.versions ssl.ciphers ssl.depth',
    'ssl.reuse_sessions ssl.secure_renegotiate ssl.hibernate_after ssl.log_level ssl.user_lookup_fun ssl.middlebox_comp_mode ssl.partial_chain',
    'ssl.verify_peer_ext_key_usage',
    `action qos retain \${username} \${clientid} \${cert_common_name} \${zone}`,
  ],
  postgres: [
    'server database username password pool_size disable_prepared_statements prepare_statement query permission action topic qos retain',
    `\${clientid} \${peerhost} \${cert_common_name} \${cert_subject}`,
  ],
  redis: ['redis_type server servers sentinel database username password pool_size cmd'],
};

/** What the first cells of the tables of a section name: the first word of each piece of code. */
function namedIn(heading: string): ReadonlySet<string> {
  const section = SECTIONS.find((text) => text.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `the page has no "${heading}"`);
  const named = new Set<string>();
  for (const row of section.split('\n').filter((line) => line.startsWith('| '))) {
    const [there = '', here = ''] = row.split(' | ');
    assert.ok(here.replace(/\|$/, '').trim() !== '', `a row that says nothing: ${row}`);
    for (const [, code = ''] of there.matchAll(/`([^`]+)`/g)) named.add(code.split(' ')[0] ?? '');
  }
  return named;
}

for (const [heading, options] of [
  ['mosquitto-go-auth: both backends', GO_AUTH.both],
  ['mosquitto-go-auth: `auth_opt_pg_…`', GO_AUTH.postgres],
  ['mosquitto-go-auth: `auth_opt_redis_…`', GO_AUTH.redis],
  ['EMQX: both backends', EMQX.both],
  ['EMQX: authenticator and authorizer `postgresql`', EMQX.postgres],
  ['EMQX: authenticator and authorizer `redis`', EMQX.redis],
] as const) {
  test(`the page says what becomes of each option: ${heading}`, () => {
    const named = namedIn(heading);
    const missing = options.flatMap((line) => line.split(' ')).filter((option) => !named.has(option));
    assert.deepEqual(missing, []);
  });
}
