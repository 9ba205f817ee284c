import type { DenyReason, HookName, IdentityGrant, PolicyGrant, TenantGrant } from '@portcullis/sdk';
import type { FaultKind } from '../fault-log.js';
import type { Place } from '../place.js';
import type { PluginSpec } from '../specs.js';

// What crosses between the broker and the thread of a plugin, in lists of messages. From the broker it is plain data; from the thread it is whatever came, and is
// read by `read-message.ts`.

/** What the thread is started with. It is wiped before any code of the plugin runs. */
export interface ThreadInit {
  readonly port: MessagePort;
  /** For calls that the plugin waits for where it stands. */
  readonly calls: MessagePort;
  /** The places of `SHARED`. */
  readonly shared: SharedArrayBuffer;
  /** The plugin's module, and the folder of its package. */
  readonly file: string;
  readonly root: string;
  readonly spec: PluginSpec;
  readonly baseFolder: string;
  readonly limits: ThreadLimits;
  /** The least level that is written to the log. */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

type MessagePort = import('node:worker_threads').MessagePort;

export interface ThreadLimits {
  readonly pluginStartMs: number;
  readonly pluginTimers: number;
  readonly pluginMetrics: number;
  readonly workerMessages: number;
}

/** Places in the memory that both sides see, as 32-bit numbers. */
export const SHARED = { replies: 0, beat: 1, heldKiB: 2, count: 3 } as const;

/** A question on its way to the thread. */
export interface AskMessage {
  readonly t: 'ask';
  readonly id: number;
  readonly hook: HookName;
  /** Of enhanced authentication. */
  readonly method: string | null;
  /** Number of the exchange that the step belongs to, or 0. */
  readonly exchange: number;
  readonly request: Readonly<Record<string, unknown>>;
  readonly credentials: { readonly username: string | null; readonly hasPassword: boolean } | null;
}

export type ToThread =
  | AskMessage
  | { readonly t: 'abort'; readonly id: number }
  | { readonly t: 'news'; readonly items: readonly NewsItem[] }
  | { readonly t: 'reply'; readonly id: number; readonly ok: boolean; readonly value: unknown }
  | { readonly t: 'ping'; readonly beat: number }
  | { readonly t: 'forget'; readonly exchange: number }
  | { readonly t: 'signal' }
  | { readonly t: 'reload' }
  | { readonly t: 'stop' };

export interface NewsItem {
  readonly hook: HookName;
  readonly news: object;
}

/** What an answer says, as data. It permits nothing until the broker has minted a decision from it. */
export type WireAnswer =
  | { readonly kind: 'allow'; readonly grant: IdentityGrant | null; readonly data: Uint8Array | null; readonly leaseSeconds: number | null }
  | { readonly kind: 'deny'; readonly reason: DenyReason }
  | { readonly kind: 'continue'; readonly data: Uint8Array }
  | { readonly kind: 'given'; readonly value: TenantGrant | PolicyGrant | Readonly<Record<string, unknown>> }
  | { readonly kind: 'pass'; readonly maxQos: 0 | 1 | 2 }
  | { readonly kind: 'skip' }
  | { readonly kind: 'nothing' };

export type FromThread =
  | { readonly t: 'started'; readonly taps: readonly string[]; readonly methods: readonly string[] }
  | { readonly t: 'failed'; readonly unavailable: boolean; readonly text: string }
  | { readonly t: 'answer'; readonly id: number; readonly answer: WireAnswer }
  | { readonly t: 'fault'; readonly id: number; readonly kind: FaultKind; readonly detail: string; readonly place: Place | null }
  | { readonly t: 'call'; readonly id: number; readonly what: string; readonly args: readonly unknown[] }
  | {
      readonly t: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    }
  | { readonly t: 'metrics'; readonly counts: readonly (readonly [string, number])[]; readonly gauges: readonly (readonly [string, number])[] }
  | { readonly t: 'escaped'; readonly where: string; readonly text: string; readonly place: Place | null }
  | { readonly t: 'second' }
  | { readonly t: 'unsaid'; readonly count: number }
  | { readonly t: 'heard'; readonly count: number }
  | { readonly t: 'reloaded'; readonly problems: readonly string[]; readonly rereads: boolean }
  | { readonly t: 'stopped' };

/** A call on the port of those that are waited for, and its reply. */
export interface WaitedCall {
  readonly id: number;
  readonly what: string;
  readonly args: readonly unknown[];
}

export interface WaitedReply {
  readonly id: number;
  readonly ok: boolean;
  readonly value: unknown;
}

/** An error as it crosses: `busy` when it was the queue of password hashes. */
export interface WireError {
  readonly text: string;
  readonly busy: boolean;
}

/** Most fields of a line of the log. */
export const MAX_FIELDS = 64;

/** Most messages of one post. */
export const MAX_BATCH = 128;

/** Longest text of an error that crosses. */
export const MAX_TEXT = 2000;
