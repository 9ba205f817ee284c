import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** Connects, sends a CONNECT, and tells the code of its CONNACK, once; null for another packet, or a connection that ends without any. */
export function sendConnect(to: TcpNetConnectOpts, bytes: Buffer, answered: (code: number | null) => void): Socket {
  const socket = connect(to);
  let received = Buffer.alloc(0);
  let told = false;
  const tell = (code: number | null): void => {
    if (told) return;
    told = true;
    answered(code);
  };
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    if (told) return;
    received = Buffer.concat([received, chunk]);
    // 20, remaining length (one byte in all answers that are due here), flags, code.
    if (received.length >= 4) tell(received[0] === 0x20 ? (received[3] ?? null) : null);
  });
  socket.on('close', () => tell(null));
  socket.write(bytes);
  return socket;
}
