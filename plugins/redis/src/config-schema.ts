import type { ConfigSchema, Infer } from '@portcullis/sdk';
import { DEFAULT_PREFIX, PREFIX_PATTERN } from './layout.js';

const NODES = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  uniqueItems: true,
  items: { type: 'string', minLength: 1, maxLength: 300 },
} as const satisfies ConfigSchema;

const USERNAME = { type: 'string', minLength: 1, maxLength: 1024, description: 'user of the ACL of Redis; "default" without it' } as const;

/** Options of the plugin. */
export const CONFIG_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    host: { type: 'string', minLength: 1, maxLength: 255, description: 'the server; 127.0.0.1 unless told' },
    port: { type: 'integer', minimum: 1, maximum: 65_535, description: 'its port; 6379 unless told' },
    sentinel: {
      type: 'object',
      required: ['name', 'nodes'],
      additionalProperties: false,
      description: 'finds the primary through Redis Sentinel, and follows it',
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 255, description: 'name of the primary, as the sentinels monitor it' },
        nodes: { ...NODES, description: 'the sentinels, "host:port" each' },
        username: USERNAME,
        password: { type: 'string', minLength: 1, secret: true, description: 'password of the sentinels' },
      },
    },
    cluster: {
      type: 'object',
      required: ['nodes'],
      additionalProperties: false,
      description: 'a Redis Cluster',
      properties: { nodes: { ...NODES, description: 'some of its nodes, "host:port" each; the others are found' } },
    },
    database: { type: 'integer', minimum: 0, maximum: 1_000_000, default: 0, description: 'number of the database' },
    username: USERNAME,
    password: { type: 'string', minLength: 1, secret: true, description: 'password of the user' },
    tls: {
      type: 'object',
      additionalProperties: false,
      description: 'TLS to the servers, sentinels included; must be said for other machines than this one',
      properties: {
        mode: {
          enum: ['verify-full', 'disable'],
          default: 'verify-full',
          description: '"verify-full" verifies the certificate and its name; "disable" sends everything in the clear',
        },
        ca: { type: 'string', minLength: 1, existingFile: 'write the certificates of the authorities into it, PEM', description: 'authorities, PEM' },
        cert: { type: 'string', minLength: 1, existingFile: 'write the client certificate into it, PEM', description: 'client certificate, PEM' },
        key: { type: 'string', minLength: 1, existingFile: 'write the key of the client certificate into it, PEM', description: 'its key, PEM' },
        servername: { type: 'string', minLength: 1, maxLength: 255, description: 'name that certificates must be for; the host unless told' },
      },
    },
    prefix: { type: 'string', pattern: PREFIX_PATTERN, default: DEFAULT_PREFIX, description: 'what all keys begin with' },
    leaseSeconds: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 300,
      description: 'seconds after which users and rights are read again even if nothing was said to have changed',
    },
    commandTimeoutMs: {
      type: 'integer',
      minimum: 20,
      maximum: 10_000,
      default: 500,
      description: 'milliseconds for an answer of Redis; at most a third of the timeoutMs of the entry',
    },
    connectTimeoutMs: { type: 'integer', minimum: 100, maximum: 10_000, default: 2000, description: 'milliseconds to connect' },
    heartbeatMs: {
      type: 'integer',
      minimum: 100,
      maximum: 60_000,
      default: 1000,
      description: 'milliseconds between two looks whether the channel lives and nothing that was said on it was lost',
    },
    maxCachedUsers: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 10_000, description: 'most users kept in memory' },
    maxGroups: { type: 'integer', minimum: 1, maximum: 100_000, default: 5000, description: 'most groups whose rules are kept in memory' },
  },
} as const satisfies ConfigSchema;

export type RedisConfig = Infer<typeof CONFIG_SCHEMA>;
