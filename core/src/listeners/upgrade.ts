import type { IncomingMessage } from 'node:http';
import type { ConnectionInfo, UpgradeWebSocketRequest } from '@portcullis/sdk';
import type { ListenerOptions } from './listener.js';

/** The HTTP status by which a request for a WebSocket is refused before anybody is asked, or null. */
export function refusalOf(request: IncomingMessage, options: ListenerOptions): 400 | 403 | 404 | null {
  if (pathOf(request) !== options.path) return 404;
  if (!isBareHandshake(request)) return 400;
  if (!protocolsOf(request).some((protocol) => protocol === 'mqtt' || protocol === 'mqttv3.1')) return 400;
  return originAllowed(request, options.origins) ? null : 403;
}

/** The request as plugins see it. */
export function requestOf(request: IncomingMessage, connection: ConnectionInfo): UpgradeWebSocketRequest {
  return {
    connection,
    origin: request.headers.origin ?? null,
    path: pathOf(request),
    protocols: protocolsOf(request),
    host: request.headers.host ?? null,
    userAgent: request.headers['user-agent'] ?? null,
  };
}

/**
 * RFC 6455 section 4.1 wants HTTP/1.1 or later. A body would be frames to us and a body to a proxy in front: where the two disagree, requests
 * are smuggled.
 */
function isBareHandshake({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  if (httpVersionMajor < 1 || (httpVersionMajor === 1 && httpVersionMinor < 1)) return false;
  return headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
}

/** A page of another site must not speak through its visitor's browser: only browsers send an Origin, and it must be one of ours. */
function originAllowed(request: IncomingMessage, origins: readonly string[] | null): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  if (origins !== null) return origins.includes(origin);
  try {
    const url = new URL(origin);
    // What is more than an origin, or is of a scheme that has none, no page of ours has sent.
    return host !== undefined && url.origin === origin && url.host === host;
  } catch {
    return false;
  }
}

export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function protocolsOf(request: IncomingMessage): string[] {
  const header = request.headers['sec-websocket-protocol'];
  return header === undefined ? [] : header.split(',').map((protocol) => protocol.trim());
}
