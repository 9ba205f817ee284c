import type { Server } from 'node:net';
import { ERRORS, errorText, PortcullisError } from '../errors.js';
import type { Logger } from '../log.js';
import { addressUrl, type ListenerOptions } from './listener.js';

/** Binds a server to the listener's address. Resolves with the port; rejects with one line that says what is wrong and what to do. */
export function bind(server: Server, options: ListenerOptions, log: Logger): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(new PortcullisError(ERRORS.listen, explain(options, error), { cause: error }));
    server.once('error', failed);
    server.listen({ host: options.host, port: options.port, backlog: 4096 }, () => {
      server.off('error', failed);
      server.on('error', (error) => log.error({ listener: options.name, error }, 'listener failed'));
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : options.port);
    });
  });
}

function explain(options: ListenerOptions, error: NodeJS.ErrnoException): string {
  const where = `listener "${options.name}" (${addressUrl(options)})`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where}: port ${options.port} is in use; stop the program that holds it, or choose another port in plugins.json${variable(options)}`;
    case 'EACCES':
      return `${where}: no permission to bind port ${options.port}; ports below 1024 need the right to (CAP_NET_BIND_SERVICE)`;
    case 'EADDRNOTAVAIL':
      return `${where}: this machine has no address ${options.host}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${where}: the name ${options.host} is not known`;
    default:
      return `${where}: ${errorText(error)}`;
  }
}

function variable(options: ListenerOptions): string {
  return options.scheme === 'ws' ? ' or by PORTCULLIS_WS_PORT' : options.scheme === 'mqtt' ? ' or by PORTCULLIS_PORT' : '';
}
