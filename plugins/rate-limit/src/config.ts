import type { ConfigSchema } from '@portcullis/sdk';

const MOST_PER_SECOND = 1_000_000_000;

const rate = <const Description extends string>(description: Description) =>
  ({
    type: 'object',
    required: ['perSecond', 'burst'],
    additionalProperties: false,
    description,
    properties: {
      perSecond: { type: 'number', exclusiveMinimum: 0, maximum: MOST_PER_SECOND, description: 'as many come back each second' },
      burst: { type: 'number', minimum: 1, maximum: MOST_PER_SECOND, description: 'as many may come at once after a pause' },
    },
  }) as const;

/** Options of the plugin. A limit that is left out does not exist. */
export const CONFIG = {
  type: 'object',
  additionalProperties: false,
  properties: {
    connects: {
      type: 'object',
      additionalProperties: false,
      description: 'how often clients may connect',
      properties: {
        perAddress: rate('CONNECTs of one address (IPv6: of one /64), whatever becomes of them'),
        perUser: rate('connects of one username of a tenant, counted when it has proved who it is'),
      },
    },
    failedLogins: {
      type: 'object',
      additionalProperties: false,
      description: 'a delay for each pair of address and username that grows with every failed login',
      properties: {
        free: { type: 'integer', minimum: 1, maximum: 1000, default: 5, description: 'failed logins before there is a delay' },
        firstDelaySeconds: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 86_400,
          default: 1,
          description: 'the first delay; each further one is twice as long',
        },
        maxDelaySeconds: { type: 'number', exclusiveMinimum: 0, maximum: 86_400, default: 300, description: 'the longest delay' },
        forgetSeconds: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 2_592_000,
          default: 3600,
          description: 'a pair that has not failed for as long begins anew',
        },
        atOnce: {
          type: 'integer',
          minimum: 1,
          maximum: 100_000,
          default: 32,
          description: 'logins of one pair that may wait for their answer at the same time',
        },
      },
    },
    flapping: {
      type: 'object',
      additionalProperties: false,
      description: 'refuses a client for a while that connects again and again, counted when it has proved who it is',
      properties: {
        connects: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 15, description: 'connects of one client identifier of a user' },
        withinSeconds: { type: 'number', exclusiveMinimum: 0, maximum: 86_400, default: 60, description: 'the time that these may take' },
        refuseSeconds: { type: 'number', exclusiveMinimum: 0, maximum: 86_400, default: 300, description: 'how long it is refused then' },
      },
    },
    messages: {
      type: 'object',
      additionalProperties: false,
      description: 'how many messages may be published',
      properties: { perClient: rate('messages of one client'), perTenant: rate('messages of all clients of one tenant') },
    },
    bytes: {
      type: 'object',
      additionalProperties: false,
      description: 'how many bytes of topic names and payloads may be published',
      properties: { perClient: rate('bytes of one client'), perTenant: rate('bytes of all clients of one tenant') },
    },
    maxTracked: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 100_000,
      description: 'addresses, users, clients or pairs that each limit tells apart',
    },
  },
} as const satisfies ConfigSchema;
