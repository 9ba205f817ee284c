import { MOMENT_NAMES, MOMENTS, type Moment, type MomentName, ROLES } from './moments.js';
import { WAY_NAMES, WAYS, type WayName } from './ways.js';

// Copied out of the repository with the faulty plugin, as `moments.ts`.

export const TRANSPORTS = ['tcp', 'tls', 'ws', 'wss'] as const;
export type Transport = (typeof TRANSPORTS)[number];
export const VERSIONS = ['3.1', '3.1.1', '5.0'] as const;
export type Version = (typeof VERSIONS)[number];

/** One case: a moment at which one client's question fails in one way. `healthy` is the control: the same without the failure. */
export interface Cell {
  /** Unique, from 1. */
  readonly number: number;
  readonly moment: MomentName;
  readonly way: WayName | 'healthy';
  readonly transport: Transport;
  readonly version: Version;
}

/** Why a moment does not exist for a client; null where it does. */
export function unreachable(name: MomentName, transport: Transport, version: Version): string | null {
  const { only }: Moment = MOMENTS[name];
  if (only === '5.0' && version !== '5.0') return 'MQTT 3.x has no enhanced authentication';
  if (only === 'WebSocket' && !transport.startsWith('ws')) return 'nothing is upgraded on TCP and TLS';
  return null;
}

/** Every cell that can be, in an order in which neighbours differ in everything but the way. */
export function allCells(): Cell[] {
  const cells: Cell[] = [];
  const add = (moment: MomentName, way: Cell['way'], transport: Transport, version: Version): void => {
    if (unreachable(moment, transport, version) === null) cells.push({ number: cells.length + 1, moment, way, transport, version });
  };
  for (const way of ['healthy', ...WAY_NAMES] as const) {
    for (const transport of TRANSPORTS) {
      for (const version of VERSIONS) {
        for (const moment of MOMENT_NAMES)
          if (way === 'healthy' || WAYS[way].impossible(MOMENTS[moment].hook) === null) add(moment, way, transport, version);
      }
    }
  }
  return cells;
}

/**
 * The declared short form: every way at every moment once, where its way and its moment have been least so far, so that each of both meets every
 * transport and every version; and every control.
 */
export function shortCells(): Cell[] {
  const cells = allCells();
  const places = new Map<string, Cell[]>();
  for (const cell of cells) {
    const pair = `${cell.moment} ${cell.way}`;
    if (cell.way !== 'healthy') places.set(pair, [...(places.get(pair) ?? []), cell]);
  }
  const been = new Map<string, number>();
  const meetings = ({ moment, way, transport, version }: Cell): string[] => [
    `${moment} ${transport}`,
    `${moment} ${version}`,
    `${way} ${transport}`,
    `${way} ${version}`,
  ];
  const visits = (cell: Cell): number => meetings(cell).reduce((sum, meeting) => sum + (been.get(meeting) ?? 0), 0);
  const chosen = new Set<Cell>();
  for (const possible of places.values()) {
    const least = possible.reduce((best, cell) => (visits(cell) < visits(best) ? cell : best));
    for (const meeting of meetings(least)) been.set(meeting, (been.get(meeting) ?? 0) + 1);
    chosen.add(least);
  }
  return cells.filter((cell) => cell.way === 'healthy' || chosen.has(cell));
}

/** The plugin that fails in a cell: each has its own patience or its own manifest. */
export function actorOf({ moment, way }: Pick<Cell, 'moment' | 'way'>): string {
  const { hook } = MOMENTS[moment];
  if (way === 'busy') return 'brief';
  if (way === 'disposed') return 'patient';
  return way === 'undeclared' && ROLES[hook][0] === 'authority' ? `narrow-${hook}` : 'ill';
}

/** The cell as it stands in a client identifier, a topic or a header: short, since MQTT 3.1 allows 23 bytes. */
export function address(cell: Pick<Cell, 'moment' | 'way' | 'number'>): string {
  const way = cell.way === 'healthy' ? 99 : WAY_NAMES.indexOf(cell.way);
  return `m${MOMENT_NAMES.indexOf(cell.moment)}.w${way}.n${cell.number}`;
}

export type Addressed = Pick<Cell, 'moment' | 'way' | 'number'>;

/** The cell that a text has the address of, or null. */
export function cellIn(text: string): Addressed | null {
  const [, moment, way, number] = /\bm(\d+)\.w(\d+)\.n(\d+)\b/.exec(text) ?? [];
  const name = MOMENT_NAMES[Number(moment)];
  const how = way === '99' ? 'healthy' : WAY_NAMES[Number(way)];
  return name === undefined || how === undefined ? null : { moment: name, way: how, number: Number(number) };
}

/** A cell as an address behind a PROXY header: a guard of sockets sees nothing else. */
export function proxyAddress({ way, number }: Addressed): string {
  return `10.${way === 'healthy' ? 99 : WAY_NAMES.indexOf(way)}.${number >> 8}.${number & 0xff}`;
}

export function cellBehind(ip: string): Addressed | null {
  const [, way, high, low] = /^10\.(\d+)\.(\d+)\.(\d+)$/.exec(ip) ?? [];
  const how = way === '99' ? 'healthy' : WAY_NAMES[Number(way)];
  return how === undefined || high === undefined ? null : { moment: 'accept', way: how, number: (Number(high) << 8) | Number(low) };
}
