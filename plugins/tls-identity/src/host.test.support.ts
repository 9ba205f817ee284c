import type {
  AdmitClientRequest,
  AdmitIdentityRequest,
  AuthenticateRequest,
  BrokerHooks,
  ClientCertificate,
  Decision,
  Identity,
  IdentityGrant,
  PluginContext,
  RefreshIdentityRequest,
  TlsEvidence,
} from '@portcullis/sdk';
import type { GivenOptions, Options } from './options.js';
import { makePlugin } from './plugin.js';

/** When the certificates of these tests begin. */
export const NOW = 1_700_000_000_000;

const NO_FIELDS: ClientCertificate['fields'] = { CN: [], OU: [], O: [], C: [], ST: [], L: [], DC: [], UID: [], serialNumber: [], emailAddress: [] };
const NO_NAMES: ClientCertificate['names'] = { uri: [], dns: [], email: [], ip: [] };

export interface CertificateParts {
  readonly fields?: Partial<ClientCertificate['fields']>;
  readonly names?: Partial<ClientCertificate['names']>;
  readonly distinguishedName?: string;
  readonly validTo?: number;
}

/** A certificate for device-1, but for what is given. */
export function certificate({ fields, names, ...more }: CertificateParts = {}): ClientCertificate {
  return {
    commonName: 'device-1',
    fields: { ...NO_FIELDS, CN: ['device-1'], ...fields },
    names: { ...NO_NAMES, ...names },
    subject: 'CN=device-1',
    distinguishedName: 'CN=device-1',
    issuer: 'CN=Authority',
    serialNumber: '0A1B',
    subjectAlternativeNames: [],
    fingerprint256: 'ab'.repeat(32),
    validFrom: NOW - 1000,
    validTo: NOW + 60_000,
    ...more,
  };
}

export function options(more: Partial<Options> = {}): Options {
  return { username: 'cn', match: 'ignore', sameUser: false, groups: [], attributes: [], ...more };
}

/** What a plugin answered. */
export type Answer = readonly [verb: 'pass' | 'skip'] | readonly [verb: 'deny', reason: string] | readonly [verb: 'allow', grant: unknown];

type Handler = (request: unknown, decide: unknown) => Decision;

/** A host that starts the plugin with these options and asks it. */
export class Host {
  now = NOW;
  readonly logged: (readonly [fields: unknown, message: string])[] = [];
  readonly counted: string[] = [];
  readonly #taps = new Map<string, Handler>();

  constructor(given: Partial<GivenOptions> = {}) {
    const hooks = new Proxy({}, { get: (_, name) => ({ tap: (handler: Handler) => void this.#taps.set(String(name), handler) }) });
    const context: Partial<PluginContext> = {
      name: 'certs',
      hooks: hooks as BrokerHooks,
      log: {
        debug: unexpected,
        info: unexpected,
        warn: (fields, message) => void this.logged.push([fields, message]),
        error: unexpected,
      },
      metrics: { count: (name) => void this.counted.push(name), gauge: unexpected },
    };
    void makePlugin(() => this.now).start(context as PluginContext, { role: 'authority', ...given });
  }

  authenticate(shown: ClientCertificate | null, username: string | null = null): Answer {
    return this.#ask('authenticate', { tls: evidence(shown), credentials: { username } as AuthenticateRequest['credentials'] });
  }

  refresh(shown: ClientCertificate | null, identity: Identity): Answer {
    return this.#ask('refreshIdentity', { tls: evidence(shown), identity } satisfies Partial<RefreshIdentityRequest>);
  }

  admitClient(shown: ClientCertificate | null): Answer {
    return this.#ask('admitClient', { tls: evidence(shown) } satisfies Partial<AdmitClientRequest>);
  }

  admitIdentity(shown: ClientCertificate | null, identity: Identity): Answer {
    return this.#ask('admitIdentity', { tls: evidence(shown), identity } satisfies Partial<AdmitIdentityRequest>);
  }

  /** A connection without TLS. */
  withoutTls(hook: 'authenticate' | 'admitClient' | 'admitIdentity' | 'refreshIdentity'): Answer {
    return this.#ask(hook, { tls: null, credentials: { username: 'device-1' }, identity: { username: 'device-1' } });
  }

  #ask(hook: string, request: object): Answer {
    let answer: Answer | null = null;
    const said = (given: Answer): Decision => {
      answer = given;
      return {} as Decision;
    };
    const handler = this.#taps.get(hook);
    // Nobody is asked.
    if (handler === undefined) return ['pass'];
    handler(request, {
      pass: () => said(['pass']),
      skip: () => said(['skip']),
      deny: (reason: string) => said(['deny', reason]),
      allow: (grant: IdentityGrant) => said(['allow', grant]),
    });
    return answer ?? unexpected();
  }
}

function evidence(shown: ClientCertificate | null): TlsEvidence {
  return { protocol: 'TLSv1.3', serverName: 'localhost', certificate: shown };
}

function unexpected(): never {
  throw new Error('that was not expected here');
}
