import { definePlugin, type PluginDefinition } from '@portcullis/sdk';
import type { More } from '../limits/broker.js';

const MANIFEST = { sdk: '^1.0.0', config: { type: 'object', additionalProperties: false, properties: {} } } as const;

/** What those who only listen have heard. */
export interface Heard {
  published: number;
  delivered: number;
}

/** A way that messages take. The short one is that of rules alone; on the others somebody looks at every message and changes nothing. */
export const LANES = [
  'rules',
  'publish guards',
  'delivery guards',
  'authority',
  'a later answer',
  'rewriting',
  'news',
  'decisions',
  'everybody',
] as const;
export type Lane = (typeof LANES)[number];

type Start = PluginDefinition['start'];

const plugin = (name: string, start: Start): PluginDefinition => definePlugin({ ...MANIFEST, name, start });

const publishGuard = plugin('watch-publish', ({ hooks }) => {
  hooks.guardPublish.tap((_request, decide) => decide.pass());
  hooks.guardRetain.tap((_request, decide) => decide.pass());
});

const deliveryGuard = plugin('watch-delivery', ({ hooks }) => {
  hooks.guardDelivery.tap((_request, decide) => decide.pass());
});

const authority = definePlugin({
  ...MANIFEST,
  name: 'watch-authorize',
  decides: { authorize: ['skip'] },
  start({ hooks }) {
    hooks.authorize.tap((_request, decide) => decide.skip());
  },
});

/** Answers in the next microtask: what is behind the packet waits for it. */
const later = definePlugin({
  ...MANIFEST,
  name: 'watch-later',
  decides: { authorize: ['skip'] },
  start({ hooks }) {
    hooks.authorize.tap(({ action }, decide) => (action === 'receive' ? decide.skip() : Promise.resolve(decide.skip())));
  },
});

const rewriter = plugin('watch-rewrite', ({ hooks }) => {
  hooks.rewritePublish.tap((_request, give) => give.nothing());
});

const decisions = plugin('watch-decisions', ({ hooks }) => {
  hooks.decisionMade.tap(() => {});
});

function news(heard: Heard): PluginDefinition {
  return plugin('watch-news', ({ hooks }) => {
    hooks.messagePublished.tap(() => {
      heard.published += 1;
    });
    hooks.messageDelivered.tap(() => {
      heard.delivered += 1;
    });
  });
}

/** The plugins of a lane. */
export function watchers(lane: Lane, heard: Heard): More {
  switch (lane) {
    case 'rules':
      return {};
    case 'publish guards':
      return { guards: { publishGuard } };
    case 'delivery guards':
      return { guards: { deliveryGuard } };
    case 'authority':
      return { authorities: { authority } };
    case 'a later answer':
      return { authorities: { later } };
    case 'rewriting':
      return { others: { rewriter } };
    case 'news':
      return { others: { news: news(heard) } };
    case 'decisions':
      return { others: { decisions } };
    case 'everybody':
      return { guards: { publishGuard, deliveryGuard }, authorities: { authority }, others: { rewriter, decisions, news: news(heard) } };
  }
}

/** Whether the plugins of the lane hear of every message. */
export function hearsNews(lane: Lane): boolean {
  return lane === 'news' || lane === 'everybody';
}
