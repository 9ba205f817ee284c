import type { BrokerStatus } from '../broker-status.js';
import type { ControlAnswer } from '../control/index.js';
import type { ControlledBroker } from './control-commands.js';
import type { ReloadResult } from './reloader.js';
import { version } from './version.js';

/** What `portcullis status --json` prints. Times are milliseconds since the epoch. */
export interface StatusReport extends BrokerStatus {
  readonly ok: true;
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly uptimeSeconds: number;
  /** Absolute path. */
  readonly configFile: string;
  readonly lastReload: ReloadResult | null;
}

/** The answer to "status"; null while the broker starts. */
export function statusAnswer({ broker, reloader, configFile, startedAt }: ControlledBroker): (ControlAnswer & StatusReport) | null {
  const status = broker.status();
  if (status === null) return null;
  return {
    ok: true,
    version: version(),
    node: process.version,
    pid: process.pid,
    startedAt,
    uptimeSeconds: Math.floor(process.uptime()),
    configFile,
    lastReload: reloader.last,
    ...status,
  };
}
