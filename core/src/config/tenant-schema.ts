import { TENANT_LIMITS } from '../limits.js';
import { closed, type DocumentSchema, NAME_PATTERN, named, UNITS } from './schema-parts.js';
import type { SubjectField } from './types.js';

const name: DocumentSchema = { type: 'string', pattern: NAME_PATTERN };

/** Fields of a certificate's subject that may name a tenant. */
export const SUBJECT_FIELDS: readonly SubjectField[] = ['O', 'OU', 'CN'];

/** How a listener knows the tenant of a client. */
export const TENANT_RULE: DocumentSchema = {
  description:
    'The tenant of its clients, unless a plugin names one: a name; or {"sni": {"mqtt.acme.example": "acme"}}, {"username": "<tenant>/<user>"} or {"certificate": "O"}.',
  anyOf: [
    name,
    {
      ...closed('How the tenant of a client is known.', {
        sni: {
          type: 'object',
          description: 'Tenants by the server name that a client asks for in its TLS handshake.',
          minProperties: 1,
          additionalProperties: name,
        },
        username: {
          type: 'string',
          description: 'Where the tenant stands in the username, which is the rest: "<tenant>/<user>" or "<user>@<tenant>".',
          examples: ['<tenant>/<user>', '<user>@<tenant>'],
        },
        certificate: { enum: SUBJECT_FIELDS, description: "The field of a verified certificate's subject that is the name of the tenant." },
      }),
      minProperties: 1,
      maxProperties: 1,
    },
  ],
};

/** Where the topics of a listener's clients lie. */
export const MOUNTPOINT: DocumentSchema = {
  type: 'string',
  description:
    'What all topics of its clients lie below, ending with a slash: put before what they send, taken from what they get. Rules see the whole.',
  examples: ['acme/'],
};

const limits = closed(
  'What the tenant may have. What is not set is bounded with that of all others only.',
  Object.fromEntries(
    Object.entries(TENANT_LIMITS).map(([key, { minimum, maximum, unit, reason }]) => [
      key,
      { type: 'integer', minimum, maximum, description: `${reason}${UNITS[unit]}` },
    ]),
  ),
);

const exported = closed(
  'Messages that go on to another tenant, where the rights of each receiver judge them.',
  {
    to: { type: 'string', description: 'The tenant that gets them.' },
    topics: { type: 'array', items: { type: 'string' }, minItems: 1, uniqueItems: true, description: 'Topic filters of what goes there.' },
    under: { type: 'string', default: '', description: 'Levels that are put before the topic there, without a slash at the end.' },
    retain: { type: 'boolean', default: false, description: 'Whether what is retained here is retained there, too, and cleared.' },
  },
  ['to', 'topics'],
);

/** The tenants, by name. */
export const TENANTS: DocumentSchema = named(
  'Tenants, by name. Clients of one share nothing with those of another.',
  closed('A tenant.', {
    chain: { type: 'string', description: "The chain that its clients go through, in place of the listener's." },
    listeners: {
      type: 'array',
      items: { type: 'string' },
      minItems: 1,
      uniqueItems: true,
      description: 'Listeners on which alone it is admitted; on all without it.',
    },
    limits: { ...limits, default: {} },
    exports: { type: 'array', items: exported, default: [], description: 'What goes on to other tenants.' },
  }),
);
