/** The request of a client that wants a WebSocket, byte by byte; `headers` are whole lines that come behind the usual ones. */
export function upgradeRequest(path = '/mqtt', headers: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    // The example of RFC 6455.
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: mqtt',
    ...headers,
    '\r\n',
  ].join('\r\n');
}
