import type { ConfigSchema } from '@portcullis/sdk';

/** What may stand in a certificate several times, or not at all. */
const FIELDS = ['cn', 'o', 'ou', 'san:uri', 'san:dns', 'san:email'] as const;
/** Most sources of one kind. */
const MAX_SOURCES = 32;
/** Longest prefix of a group. */
const MAX_PREFIX = 64;

/** Options of the plugin. */
export const CONFIG = {
  type: 'object',
  additionalProperties: false,
  properties: {
    role: {
      enum: ['authority', 'guard'],
      default: 'authority',
      description: 'whether it says who a client is, under "authenticate" of a chain, or only lets pass who has a certificate, under "guards"',
    },
    username: {
      enum: ['cn', 'subject', 'san:uri', 'san:dns', 'san:email', 'serial', 'fingerprint'],
      description: 'what of the certificate is the username; "cn" unless given. Of use to a guard with "sameUser" only',
    },
    match: {
      enum: ['ignore', 'absent-or-equal', 'equal'],
      description: 'what the username of the CONNECT must be for an authority: anything, which is the default, the same one or none, the same one',
    },
    sameUser: {
      type: 'boolean',
      description: 'whether a guard wants that whoever authenticates has found the same username as the certificate has; false unless given',
    },
    groups: {
      type: 'array',
      maxItems: MAX_SOURCES,
      description: 'where an authority takes groups from; every value is one',
      items: {
        type: 'object',
        required: ['from'],
        additionalProperties: false,
        properties: {
          from: { enum: FIELDS, description: 'which values' },
          prefix: { type: 'string', maxLength: MAX_PREFIX, default: '', description: 'text that is put before each value' },
        },
      },
    },
    attributes: {
      type: 'array',
      maxItems: MAX_SOURCES,
      description: 'attributes that an authority gives, for %{attr.<name>} in rules',
      items: {
        type: 'object',
        required: ['name', 'from'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 64, pattern: '^[A-Za-z][A-Za-z0-9._-]*$', description: 'name in rules' },
          from: { enum: [...FIELDS, 'serial', 'fingerprint'], description: 'which value; there must be exactly one' },
          optional: {
            type: 'boolean',
            default: false,
            description: 'whether a certificate without the value is accepted, and has no such attribute',
          },
        },
      },
    },
  },
} as const satisfies ConfigSchema;
