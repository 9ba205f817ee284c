import type { AttributeValue, ClientCertificate, NamedIdentity } from '@portcullis/sdk';
import type { Options } from './options.js';

/** Something that a certificate may have. */
export type Source = Options['username'] | Options['groups'][number]['from'] | Options['attributes'][number]['from'];

/** Longest username, in bytes of UTF-8: what the broker takes from a CONNECT unless `limits.maxUsernameBytes` says otherwise. */
export const MAX_USERNAME_BYTES = 4096;
/** Most groups of one certificate. */
export const MAX_GROUPS = 256;

/** Why a certificate gives no identity. */
export type Unfit = 'missing' | 'ambiguous' | 'unreadable' | 'too-long' | 'too-many-groups';

/** A certificate gives exactly one identity, or a reason why it gives none, and which part of it is to blame. */
export type Identified = { readonly identity: NamedIdentity } | { readonly unfit: Unfit; readonly source: Source };

/** Who a certificate is for. */
export function identify(certificate: ClientCertificate, { username, groups, attributes }: Options): Identified {
  const name = single(certificate, username);
  if (typeof name !== 'string') return name;
  const members = groupsOf(certificate, groups);
  if (!Array.isArray(members)) return members;
  const more = attributesOf(certificate, attributes);
  if ('unfit' in more) return more;
  const has = Object.keys(more.attributes).length > 0;
  return { identity: { username: name, ...(members.length > 0 && { groups: members }), ...(has && { attributes: more.attributes }) } };
}

/** The username alone: for whoever compares it with another. */
export function usernameOf(certificate: ClientCertificate, { username }: Options): string | null {
  const name = single(certificate, username);
  return typeof name === 'string' ? name : null;
}

type Failure = Exclude<Identified, { readonly identity: NamedIdentity }>;

/** The one value of a source. Two are none: whoever took the first would let an authority's slip name somebody else. */
function single(certificate: ClientCertificate, source: Source): string | Failure {
  const values = valuesOf(certificate, source);
  if (values === null) return { unfit: 'unreadable', source };
  const [value] = values;
  if (values.length > 1) return { unfit: 'ambiguous', source };
  if (value === undefined || value === '') return { unfit: 'missing', source };
  if (Buffer.byteLength(value) > MAX_USERNAME_BYTES) return { unfit: 'too-long', source };
  return value;
}

/** A group that cannot be read may be the one to which something is denied, so it refuses. */
function groupsOf(certificate: ClientCertificate, sources: Options['groups']): string[] | Failure {
  const groups = new Set<string>();
  for (const { from, prefix } of sources) {
    const values = valuesOf(certificate, from);
    if (values === null) return { unfit: 'unreadable', source: from };
    for (const value of values) groups.add(`${prefix}${value}`);
    if (groups.size > MAX_GROUPS) return { unfit: 'too-many-groups', source: from };
  }
  return [...groups];
}

function attributesOf(
  certificate: ClientCertificate,
  wanted: Options['attributes'],
): { readonly attributes: Readonly<Record<string, AttributeValue>> } | Failure {
  const attributes: Record<string, AttributeValue> = Object.create(null);
  for (const { name, from, optional } of wanted) {
    if (optional && valuesOf(certificate, from)?.length === 0) continue;
    const value = single(certificate, from);
    if (typeof value !== 'string') return value;
    attributes[name] = value;
  }
  return { attributes };
}

/** All values of a source in the order of the certificate; null when there are some that the broker does not show. */
function valuesOf(certificate: ClientCertificate, source: Source): readonly string[] | null {
  const { fields, names } = certificate;
  switch (source) {
    case 'cn':
      return fields.CN;
    case 'o':
      return fields.O;
    case 'ou':
      return fields.OU;
    case 'san:uri':
      return names.uri;
    case 'san:dns':
      return names.dns;
    case 'san:email':
      return names.email;
    case 'subject':
      return certificate.distinguishedName === '' ? null : [certificate.distinguishedName];
    case 'serial':
      return [certificate.serialNumber];
    case 'fingerprint':
      return [certificate.fingerprint256];
  }
}
