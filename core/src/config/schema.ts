import { LIMITS } from '../limits.js';
import { choice, closed, type DocumentSchema, named, UNITS } from './schema-parts.js';
import { MOUNTPOINT, TENANT_RULE, TENANTS } from './tenant-schema.js';
import { TLS } from './tls-schema.js';

/** Plugins that ship with Portcullis run in process without being told to. */
export const SHIPPED_PATTERN = '^@portcullis/plugin-[a-z0-9-]+$';

const HOUR_MS = 3_600_000;

const whole = (initial: number, minimum: number, maximum: number, description: string): DocumentSchema => ({
  type: 'integer',
  minimum,
  maximum,
  default: initial,
  description,
});

/** Bounds that the host sets for plugins and chains. Their ranges are narrow on purpose: they can be tightened, and never switched off. */
export const BUDGETS: ReadonlySet<unknown> = new Set(['timeoutMs', 'maxConcurrent', 'maxQueue', 'faults', 'windowMs', 'openMs', 'deadlineMs']);

/** What a plugin and a chain have unless told, in milliseconds. */
export const DEFAULT_BUDGETS = { timeoutMs: 2000, deadlineMs: 5000 } as const;

const pluginNames = (description: string): DocumentSchema => ({ type: 'array', items: { type: 'string' }, uniqueItems: true, description });

const proxyProtocol = closed('Every connection begins with a PROXY protocol header, version 1 or 2, which says where it comes from.', {
  trusted: {
    type: 'array',
    items: { type: 'string' },
    uniqueItems: true,
    description: 'Addresses and networks of the proxies; every other peer is closed. Not for unix: listeners.',
  },
});

const listener = closed(
  'An address at which clients connect.',
  {
    url: {
      type: 'string',
      description:
        'mqtt://host:port or mqtts://host:port, ws://host:port/path or wss://host:port/path for MQTT over WebSocket, or unix:path; port 0 takes any free port.',
      examples: ['mqtt://127.0.0.1:1883', 'mqtts://0.0.0.0:8883', 'ws://127.0.0.1:8083/mqtt', 'wss://0.0.0.0:8084/mqtt', 'unix:data/mqtt.sock'],
    },
    chain: { type: 'string', description: 'The chain that clients of this listener go through.' },
    tenant: TENANT_RULE,
    mountpoint: MOUNTPOINT,
    maxConnections: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      description: 'Connections of this listener; without it only limits.maxConnections holds.',
    },
    origins: {
      type: 'array',
      items: { type: 'string' },
      uniqueItems: true,
      description:
        'WebSocket only: the values of the Origin header that may connect. Without it: pages of the same host, and clients that send no Origin.',
    },
    tls: TLS,
    proxyProtocol,
    mode: { type: 'string', pattern: '^0?[0-7]{3}$', description: 'Unix sockets only: permissions of the socket, as chmod takes them ("0600").' },
  },
  ['url', 'chain'],
);

const plugin: DocumentSchema = {
  ...closed(
    'A plugin and its limits.',
    {
      use: { type: 'string', minLength: 1, description: 'A package name, or a folder with a package.json (beginning with "./", "../" or "/").' },
      isolation: {
        enum: ['inProcess', 'worker'],
        description:
          '"inProcess": fast, but its code runs inside the broker and can block it. "worker": a thread of its own, with a memory cap, that is ended and started again when it hangs. Must be stated unless the plugin ships with Portcullis.',
      },
      maxMemoryBytes: {
        type: 'integer',
        minimum: LIMITS.workerMemoryBytes.minimum,
        maximum: LIMITS.workerMemoryBytes.maximum,
        description: 'Only with "isolation": "worker": bytes that it may hold; the limit workerMemoryBytes unless told.',
      },
      // What it may contain is the plugin's to say.
      config: { type: 'object', default: {}, description: 'Options of the plugin itself.' },
      timeoutMs: whole(DEFAULT_BUDGETS.timeoutMs, 1, 60_000, 'Milliseconds that the plugin has for an answer; silence is a fault.'),
      maxConcurrent: whole(64, 1, 10_000, 'Questions that the plugin works on at the same time.'),
      maxQueue: whole(1000, 0, 100_000, 'Questions that wait; further ones are refused as busy.'),
      breaker: {
        ...closed('When the backend of the plugin fails often, it is not asked for a while, and its questions are faults.', {
          faults: whole(10, 1, 1000, 'Faults within windowMs that open the breaker.'),
          windowMs: whole(10_000, 1000, HOUR_MS, 'Milliseconds over which faults are counted.'),
          openMs: whole(2000, 100, HOUR_MS, 'Milliseconds until the plugin is tried again.'),
        }),
        default: {},
      },
      onFault: choice(['refuse', 'skip'], '"skip" asks the next authority after a fault; only for a plugin that never denies.'),
      startup: choice(
        ['gate', 'wait', 'exit'],
        'When the backend is down at start: "gate" listens and refuses as unavailable until it is there, "wait" does not listen, "exit" ends the broker.',
      ),
      publishTo: {
        type: 'array',
        items: { type: 'string' },
        uniqueItems: true,
        default: [],
        description: 'Topic filters within which the plugin may publish.',
      },
    },
    ['use'],
  ),
  if: { properties: { use: { pattern: SHIPPED_PATTERN } } },
  else: { required: ['isolation'] },
};

const chain = closed(
  'Which plugins are asked, and in which order.',
  {
    guards: { ...pluginNames('Plugins that can only refuse.'), default: [] },
    authenticate: {
      ...pluginNames('Plugins that say who a client is; the first answer other than "skip" decides.'),
      minItems: 1,
    },
    authorize: { ...pluginNames('Plugins that give rights; without one, clients can connect and do nothing.'), default: [] },
    combine: choice(['deny-overrides', 'first-match'], 'How the rights of several plugins are folded.'),
    deadlineMs: whole(DEFAULT_BUDGETS.deadlineMs, 1, 60_000, 'Milliseconds for all answers to one question together.'),
    denyPublish: choice(
      ['acknowledge', 'close'],
      'What a 3.1.1 client meets whose PUBLISH is denied: acknowledged and dropped, or the connection closed.',
    ),
    publishFault: choice(
      ['disconnect', 'refuse'],
      'What a 5.0 client meets whose PUBLISH could not be judged: disconnected, so that it keeps the message, or answered with 0x83.',
    ),
    partialSubscribe: choice(['filter', 'reject'], 'A subscription that is allowed in part: granted and filtered, or refused.'),
    onRevoked: choice(
      ['suspend', 'disconnect'],
      'What a subscription meets that has lost its right: it is suspended until the right returns or its grace is over, or its client is disconnected.',
    ),
    revokedGraceSeconds: whole(60, 0, 86_400, 'Seconds in which a suspended subscription comes back if its right returns; then it is removed.'),
    staleGraceMs: whole(0, 0, 86_400_000, 'Milliseconds that a client stays connected after its lease ended while the source of its rights is down.'),
  },
  ['authenticate'],
);

const sessions: DocumentSchema = {
  ...closed('Sessions.', {
    clientIdOwnership: choice(
      ['principal', 'shared'],
      '"principal": a client identifier belongs to the user who first brought it. "shared": anybody takes it over.',
    ),
    maxExpirySeconds: whole(2_592_000, 0, 4_294_967_294, 'Greatest session expiry, in seconds.'),
    perPrincipal: whole(10_000, 1, 100_000_000, 'Sessions of one user.'),
    useUsernameAsClientId: { type: 'boolean', default: false, description: 'The username replaces the client identifier.' },
  }),
  default: {},
};

const limits: DocumentSchema = {
  ...closed(
    'Bounds of everything that could grow.',
    Object.fromEntries(
      Object.entries(LIMITS).map(([name, spec]) => [name, whole(spec.default, spec.minimum, spec.maximum, `${spec.reason}${UNITS[spec.unit]}`)]),
    ),
  ),
  default: {},
};

const control = closed(
  'The socket over which "portcullis reload", "status" and "explain" speak to the running broker.',
  {
    socket: {
      type: 'string',
      minLength: 1,
      description: 'Path of a Unix socket, made at start for the account of the broker alone.',
      examples: ['data/control.sock'],
    },
  },
  ['socket'],
);

/** The one schema of `plugins.json`, JSON Schema draft-07. */
export const CONFIG_SCHEMA: DocumentSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Portcullis: plugins.json',
  ...closed(
    'Configuration of the Portcullis MQTT broker.',
    {
      $schema: { type: 'string', description: 'Path of this schema, for editors.' },
      version: { const: 1, description: 'Version of this format: 1.' },
      listeners: { ...named('Addresses at which clients connect.', listener), minProperties: 1 },
      plugins: named('Plugins, in the order of asking.', plugin),
      chains: named('Chains of plugins, by name.', chain),
      tenants: TENANTS,
      sessions,
      control,
      limits,
      log: {
        ...closed('The log.', {
          level: { enum: ['debug', 'info', 'warn', 'error', 'silent'], default: 'info', description: 'Least level that is written.' },
          allowedEvery: whole(
            0,
            0,
            1_000_000_000,
            'Of so many allowed decisions one is logged, at level info; 0 logs none. Denials and faults always are.',
          ),
        }),
        default: {},
      },
    },
    ['version', 'listeners', 'plugins', 'chains'],
  ),
};
