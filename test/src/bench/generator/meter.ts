import { readTree, type TreeUsage } from './process-tree.js';

export const MIB = 1024 * 1024;

/** What was used between the start of a measurement and now. Null is what this system does not tell. */
export interface Usage {
  readonly seconds: number;
  readonly cpuSeconds: number | null;
  /** Resident memory of the broker now. */
  readonly memoryBytes: number | null;
  readonly generatorCores: number;
}

export interface Meter {
  read(): Usage;
}

/** Begins to measure the broker's process tree and this process. */
export function measure(brokerPid: number | null): Meter {
  const tree = (): TreeUsage | null => (brokerPid === null ? null : readTree(brokerPid));
  const before = tree();
  const ownBefore = process.cpuUsage();
  const startMs = performance.now();
  return {
    read: () => {
      const seconds = (performance.now() - startMs) / 1000;
      const { user, system } = process.cpuUsage(ownBefore);
      const now = tree();
      return {
        seconds,
        cpuSeconds: before === null || now === null ? null : now.cpuSeconds - before.cpuSeconds,
        memoryBytes: now?.memoryBytes ?? null,
        generatorCores: (user + system) / 1e6 / seconds,
      };
    },
  };
}
