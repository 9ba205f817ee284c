import type { ConfigSchema } from '@portcullis/sdk';

const query = <const Description extends string>(description: Description) =>
  ({ type: 'string', minLength: 1, maxLength: 65_536, description }) as const;

/** Options of the plugin. */
export const CONFIG = {
  type: 'object',
  additionalProperties: false,
  required: ['database', 'user'],
  properties: {
    host: {
      anyOf: [
        { type: 'string', minLength: 1 },
        { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 16, uniqueItems: true },
      ],
      default: '127.0.0.1',
      description: 'the server: a name, an address, "name:port", or the folder of a Unix socket; of several the first that answers as primary',
    },
    port: { type: 'integer', minimum: 1, maximum: 65_535, default: 5432, description: 'port of hosts that do not name their own' },
    database: { type: 'string', minLength: 1, description: 'name of the database' },
    user: { type: 'string', minLength: 1, description: 'role to log in as; it needs to read only' },
    password: { type: 'string', minLength: 1, secret: true, description: 'password of the role' },
    tls: {
      type: 'object',
      additionalProperties: false,
      description: 'without it the server must prove who it is (verify-full) unless it is on this machine',
      properties: {
        mode: {
          enum: ['verify-full', 'disable'],
          default: 'verify-full',
          description: '"verify-full": TLS, and a certificate that is valid for the host; "disable": no TLS, readable to everybody in between',
        },
        ca: {
          type: 'string',
          minLength: 1,
          existingFile: 'ask whoever runs the server for it',
          description: 'file of the authorities to trust, PEM',
        },
        cert: { type: 'string', minLength: 1, existingFile: 'it goes with "key"', description: 'file of the own certificate, PEM' },
        key: { type: 'string', minLength: 1, existingFile: 'it goes with "cert"', description: 'file of its private key, PEM' },
        servername: { type: 'string', minLength: 1, description: 'name that the certificate must be valid for, instead of the host' },
      },
    },
    replicas: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      minItems: 1,
      maxItems: 16,
      uniqueItems: true,
      description: 'read replicas, written as hosts are; what one of them says counts only when it is as new as what the primary has announced',
    },
    schema: { type: 'string', minLength: 1, default: 'portcullis', description: 'schema of the tables that portcullis-postgres makes' },
    connections: { type: 'integer', minimum: 2, maximum: 32, default: 2, description: 'connections to the primary for questions' },
    statementTimeoutMs: {
      type: 'integer',
      minimum: 10,
      maximum: 30_000,
      default: 800,
      description: 'milliseconds after which the server gives up a statement; less than timeoutMs of the entry',
    },
    leaseSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      description: 'how long an answer stands without being asked for again: 300, without push 30 and at most 60',
    },
    push: { type: 'boolean', default: true, description: 'hear of changes by LISTEN; without it they count when the lease ends' },
    heartbeatSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: 60,
      default: 5,
      description: 'how often the connection that listens is tried',
    },
    maxUsers: { type: 'integer', minimum: 1, maximum: 10_000_000, default: 100_000, description: 'users whose answers are kept, each for its lease' },
    maxKeptBytes: {
      type: 'integer',
      minimum: 1_048_576,
      maximum: 1_099_511_627_776,
      default: 268_435_456,
      description: 'bytes of memory that what is kept of users may take, estimated; who was not asked about the longest time makes room',
    },
    maxGroups: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 10_000, description: 'groups whose rules are kept' },
    queries: {
      type: 'object',
      additionalProperties: false,
      required: ['user'],
      description: 'statements for tables of your own, instead of the schema',
      properties: {
        user: query('finds one user: $1 tenant (empty for none), $2 username'),
        rules: query('finds the rules of one user alone: $1 tenant, $2 username'),
        groupRules: query('finds the rules of one group: $1 tenant, $2 name of the group'),
        everybodyRules: query('finds the rules that everybody of a tenant has: $1 tenant'),
        version: query('tells the version of all data: one row'),
      },
    },
    notifications: {
      type: 'object',
      additionalProperties: false,
      required: ['channel'],
      description: 'how tables of your own announce changes',
      properties: {
        channel: {
          type: 'string',
          minLength: 1,
          maxLength: 63,
          description: 'channel of NOTIFY; payloads are {"kind": "user", "tenant": "", "name": "…"}',
        },
      },
    },
  },
} as const satisfies ConfigSchema;
