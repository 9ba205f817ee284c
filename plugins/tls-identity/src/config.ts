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
    username: {
      enum: ['cn', 'subject', 'san:uri', 'san:dns', 'san:email', 'serial', 'fingerprint'],
      default: 'cn',
      description: 'what of the certificate is the username',
    },
    match: {
      enum: ['ignore', 'absent-or-equal', 'equal'],
      default: 'ignore',
      description: 'what the username of the CONNECT must be, where the plugin authenticates: anything, the same one or none, the same one',
    },
    sameUser: {
      type: 'boolean',
      default: false,
      description: 'as a guard: whoever authenticates must have found the same username as the certificate has',
    },
    groups: {
      type: 'array',
      maxItems: MAX_SOURCES,
      default: [],
      description: 'where groups come from; every value is one',
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
      default: [],
      description: 'attributes of the identity, for %{attr.<name>} in rules',
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
