/**
 * A plugin that shows everything it has, in every way that the SDK offers. Its secrets come by reference; what `witness` writes into a file is what
 * plugins without the capability `credentials` may see.
 */
export const LEAKY_PLUGIN = `
import { EventEmitter } from 'node:events';
import { appendFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { BackendUnavailable, definePlugin, InvalidPluginConfig } from '@portcullis/sdk';

const forms = (text) => [
  text, JSON.stringify(text), JSON.stringify(JSON.stringify({ text })), inspect({ text }), encodeURIComponent(text), encodeURI(text),
  new URLSearchParams({ text }).toString(), Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64'),
  Buffer.from('u:' + text + ':x').toString('base64url'), Buffer.from('us:' + text).toString('base64'), 'x'.repeat(480) + text,
].join(' ');

const secret = { type: 'string', secret: true, minLength: 4, pattern: '^c', maxLength: 100 };

export default definePlugin({
  name: 'leaky',
  sdk: '^1.0.0',
  decides: { authenticate: ['allow', 'deny', 'skip'], authenticateEnhanced: ['allow', 'deny', 'continue'] },
  capabilities: ['credentials', 'publish'],
  config: {
    type: 'object', additionalProperties: false, required: ['token', 'key'],
    properties: { token: secret, key: secret, url: { type: 'string' }, how: { enum: ['serve', 'throw', 'invalid', 'down', 'stack'], default: 'serve' } },
  },
  start({ hooks, log, stats, timers, publish, onDispose, onReload }, config) {
    const { token, key, how } = config;
    if (how === 'throw') throw new Error('cannot start with ' + forms(token));
    if (how === 'stack') throw Object.assign(new TypeError(forms(key)), { cause: new Error(token) });
    if (how === 'invalid') throw new InvalidPluginConfig('this cannot work: ' + forms(token) + forms(key));
    if (how === 'down') throw new BackendUnavailable('cannot reach ' + forms(token));
    const show = (what, value) => {
      for (const level of ['debug', 'info', 'warn', 'error']) {
        log[level]({ what, value, config, text: forms(token), [key]: 1, list: [token, [key]], bytes: Buffer.from(token) }, 'shows ' + forms(key));
        log[level]({ error: new Error(forms(token)), stack: new Error(token).stack, map: { [token]: new Uint8Array(Buffer.from(key)) } }, inspect(config));
      }
    };
    show('config', config);
    const letOut = () => {
      setTimeout(() => { throw new Error('timer: ' + forms(token)); }, 1);
      void Promise.reject(new Error('rejection: ' + forms(key)));
      setTimeout(() => new EventEmitter().emit('error', new Error('emitter: ' + forms(token))), 1);
      timers.after(1, () => { throw new Error('timer of the broker: ' + forms(key)); });
      publish.publish({ topic: 'not/granted/' + encodeURIComponent(token), payload: key }).catch((error) => log.warn({ error }, 'publish'));
    };
    hooks.authenticate.tap(async (request, decide) => {
      show('request', request);
      show('credentials', request.credentials);
      log.info({ credentials: request.credentials, printed: inspect(request, { depth: 9, showHidden: true }) }, String(request.credentials));
      const password = Buffer.from(request.credentials.expose() ?? []).toString();
      switch (request.credentials.username) {
        case 'quote': throw new Error('no row for ' + forms(password) + ' with ' + forms(token));
        case 'reject': return Promise.reject(forms(password) + forms(key));
        case 'escape': letOut(); return decide.skip();
        case 'metric': return decide.allow({ identity: { username: 'metric' } }, forms(password));
        case 'return': return forms(password);
        case 'down': throw new BackendUnavailable('asked with ' + forms(token) + forms(password));
        default: return request.credentials.username === 'ok' ? decide.allow({ identity: { username: 'ok' } }) : decide.deny('bad-credentials');
      }
    });
    hooks.authenticateEnhanced.tap('PLAIN', ({ data }) => { throw new Error(forms(Buffer.from(data).toString().split('\\0')[2]) + forms(token)); });
    hooks.clientConnected.tap((news) => { throw new Error(forms(token) + inspect(news)); });
    onReload(() => Promise.reject(new Error('reload: ' + forms(token))));
    onDispose(() => { show('stats', Object.fromEntries(stats.names().map((name) => [name, stats.get(name)]))); throw new Error('dispose: ' + forms(key)); });
  },
});
`;

/** A plugin that writes down everything that it is asked and told. */
export const WITNESS_PLUGIN = `
import { appendFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { definePlugin } from '@portcullis/sdk';

const news = ['clientConnected', 'clientDisconnected', 'sessionOpened', 'messagePublished', 'messageDropped', 'decisionMade', 'brokerReady', 'brokerStopping'];

export default definePlugin({
  name: 'witness',
  sdk: '^1.0.0',
  decides: { authenticate: ['skip'] },
  config: { type: 'object', additionalProperties: false, properties: { file: { type: 'string' } } },
  start(context, { file }) {
    const write = (what) => appendFileSync(file, inspect(what, { depth: 12, showHidden: true, maxStringLength: null }) + JSON.stringify(what) + '\\n');
    write(context);
    for (const hook of news) context.hooks[hook].tap((told) => write({ hook, told }));
    context.hooks.admitClient.tap((request, decide) => { write(request); return decide.pass(); });
    context.hooks.authenticate.tap((request, decide) => {
      write(request);
      write(request.credentials);
      try { write(request.credentials.expose()); } catch (error) { write(error); }
      return decide.skip();
    });
    context.onDispose(() => write(Object.fromEntries(context.stats.names().map((name) => [name, context.stats.get(name)]))));
  },
});
`;
