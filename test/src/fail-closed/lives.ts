import type { HookName } from '@portcullis/sdk';
import { TRANSPORTS, type Transport, VERSIONS, type Version } from './cells.js';
import { NEWS_WAY_NAMES, type NewsWayName } from './ways.js';

// Copied out of the repository with the faulty plugin, as `moments.ts`.

const STEP = 1000;

/** The life of one client, of which every listener hears and at which every listener fails in one way. */
export interface Life {
  /** Unique, from 1. */
  readonly number: number;
  readonly way: NewsWayName;
  readonly transport: Transport;
  readonly version: Version;
}

/** Every way on every transport in every version. */
export function allLives(): Life[] {
  const lives: Life[] = [];
  for (const way of NEWS_WAY_NAMES) {
    for (const transport of TRANSPORTS) for (const version of VERSIONS) lives.push({ number: lives.length + 1, way, transport, version });
  }
  return lives;
}

/** Every way twice, on transports and versions that go round. */
export function shortLives(): Life[] {
  const places = TRANSPORTS.length * VERSIONS.length;
  return allLives().filter(({ number }, index) => {
    const turn = Math.floor(index / places) * 5;
    const place = (number - 1) % places;
    return place === turn % places || place === (turn + 7) % places;
  });
}

/** The client identifier of a life. */
export function lifeName({ way, number }: Pick<Life, 'way' | 'number'>): string {
  return `l${NEWS_WAY_NAMES.indexOf(way)}.n${number}`;
}

/** The version that is announced in the name of a life: news of changed rights name no client. */
export function versionOf(clientId: string): number {
  const [, way = '0', number = '0'] = /^l(\d+)\.n(\d+)$/.exec(clientId) ?? [];
  return Number(way) * STEP + Number(number);
}

/** The life that news are about, or null. */
export function lifeIn(hook: HookName, news: Readonly<Record<string, unknown>>): Pick<Life, 'way' | 'number'> | null {
  if (hook === 'policyChanged') return lifeOf(Math.floor(Number(news.version) / STEP), Number(news.version) % STEP);
  const text = [news.clientId, (news.client as { id: string } | null | undefined)?.id, news.publisher, news.topic].join(' ');
  const [, way, number] = /\bl(\d+)\.n(\d+)\b/.exec(text) ?? [];
  return lifeOf(Number(way), Number(number));
}

function lifeOf(index: number, number: number): Pick<Life, 'way' | 'number'> | null {
  const way = NEWS_WAY_NAMES[index];
  return way === undefined ? null : { way, number };
}
