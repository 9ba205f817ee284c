import type { Limits, TenantLimits } from '../limits.js';
import type { LogLevel } from '../log.js';
import type { JsonDocument, Position } from './json-document.js';
import type { ListenerScheme } from './listener-url.js';
import type { TlsFiles } from './tls-files.js';

/** The file as it was read: syntactically sound, not judged yet. */
export interface ConfigDocument {
  readonly file: string;
  readonly folder: string;
  readonly json: JsonDocument;
}

/** The whole of `plugins.json`: checked, complete with defaults, frozen. */
export interface PortcullisConfig {
  /** Absolute path of the file. */
  readonly file: string;
  /** Folder of the file; paths in it are relative to this. */
  readonly folder: string;
  /** In the order of the file. */
  readonly listeners: readonly ListenerConfig[];
  /** In the order of the file, which is the order of asking for hooks that no chain lists. */
  readonly plugins: readonly PluginConfig[];
  readonly chains: ReadonlyMap<string, ChainConfig>;
  /** Null without any: then clients belong to the tenants that plugins name. */
  readonly tenants?: ReadonlyMap<string, TenantConfig> | null;
  readonly sessions: SessionsConfig;
  /** Absolute path of the control socket; null without one. */
  readonly controlSocket: string | null;
  readonly limits: Limits;
  readonly logLevel: LogLevel;
  /** Of so many allowed decisions one is logged; 0 logs none. */
  readonly logAllowedEvery: number;
}

export interface ListenerConfig {
  readonly name: string;
  readonly scheme: ListenerScheme;
  /** A name or an address; IPv6 without brackets, empty for a Unix socket. */
  readonly host: string;
  /** 0: any free port, or a Unix socket. */
  readonly port: number;
  /** Of WebSocket requests, or the absolute one of a Unix socket; otherwise empty. */
  readonly path: string;
  readonly chain: string;
  /** How it knows the tenants of its clients; null when it does not. */
  readonly tenant?: TenantRuleConfig | null;
  /** What its clients' topics lie below, ending with a slash; empty for nothing. */
  readonly mountpoint?: string;
  readonly maxConnections: number | null;
  /** The values of `Origin` that may connect by WebSocket; null: those of the same host, and requests without the header. */
  readonly origins: readonly string[] | null;
  /** Certificates of mqtts and wss listeners; null for all others. */
  readonly tls: TlsFiles | null;
  /** Whose PROXY headers are believed; null where connections do not begin with one. */
  readonly proxyProtocol: { readonly trusted: readonly string[] } | null;
  /** Permission bits of a Unix socket. */
  readonly mode: number;
}

/** How a listener knows the tenant of a client. */
export type TenantRuleConfig =
  | { readonly by: 'name'; readonly name: string }
  | { readonly by: 'sni'; readonly names: Readonly<Record<string, string>> }
  | { readonly by: 'username'; readonly separator: string; readonly tenantFirst: boolean }
  | { readonly by: 'certificate'; readonly field: SubjectField };

/** Fields of a certificate's subject that may name a tenant. */
export type SubjectField = 'O' | 'OU' | 'CN';

export interface TenantConfig {
  readonly name: string;
  /** Takes the place of the listener's; null leaves that. */
  readonly chain: string | null;
  /** On which alone it is admitted; null for all. */
  readonly listeners: readonly string[] | null;
  readonly limits: TenantLimits;
  readonly exports: readonly TenantExportConfig[];
}

/** What goes on from one tenant to another. */
export interface TenantExportConfig {
  readonly to: string;
  readonly topics: readonly string[];
  /** Levels before the topic; empty for none. */
  readonly under: string;
  readonly retain: boolean;
}

export interface PluginConfig {
  readonly name: string;
  /** Package name, or a folder when it begins with "." or "/". */
  readonly use: string;
  /** Where `use` stands in the file. */
  readonly useAt: Position;
  readonly isolation: 'inProcess' | 'worker';
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly breaker: BreakerConfig;
  readonly onFault: 'refuse' | 'skip';
  readonly startup: 'gate' | 'wait' | 'exit';
  /** Topic filters within which the plugin may publish. */
  readonly publishTo: readonly string[];
  /** Only of one in a worker, and only when told. */
  readonly maxMemoryBytes?: number;
}

export interface BreakerConfig {
  readonly faults: number;
  readonly windowMs: number;
  readonly openMs: number;
}

export interface ChainConfig {
  readonly name: string;
  readonly guards: readonly string[];
  readonly authenticate: readonly string[];
  readonly authorize: readonly string[];
  readonly combine: 'deny-overrides' | 'first-match';
  readonly deadlineMs: number;
  readonly denyPublish: 'acknowledge' | 'close';
  readonly publishFault: 'disconnect' | 'refuse';
  readonly partialSubscribe: 'filter' | 'reject';
  readonly onRevoked: 'suspend' | 'disconnect';
  readonly revokedGraceSeconds: number;
  readonly staleGraceMs: number;
}

export interface SessionsConfig {
  readonly clientIdOwnership: 'principal' | 'shared';
  readonly maxExpirySeconds: number;
  /** Sessions of one principal. */
  readonly perPrincipal: number;
  readonly useUsernameAsClientId: boolean;
}
