import { definePlugin } from '@portcullis/sdk';
import { decoyHash } from '@portcullis/sdk/passwords';
import { Answers } from './answers.js';
import { CONFIG_SCHEMA } from './config-schema.js';
import { Layout } from './layout.js';
import { Decoys } from './memory.js';
import { serverSettings } from './settings.js';
import { Source } from './source.js';

/** Knows users, groups and rights by keys of Redis, and hears of changes as they are made. */
export default definePlugin({
  name: 'redis',
  sdk: '^1.0.0',
  taps: ['authenticate', 'refreshIdentity', 'loadPolicy'],
  decides: { authenticate: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
  capabilities: ['policy', 'sessions'],
  config: CONFIG_SCHEMA,

  async start(context, config) {
    const { hooks } = context;
    const layout = new Layout(config.prefix);
    const source = new Source(context, config, serverSettings(config, context), layout);
    context.onDispose(() => source.close());
    const { directory, templates, memory } = source;
    const answers = new Answers({ directory, templates, memory, layout, decoys: new Decoys(decoyHash) });

    hooks.authenticate.tap((request, decide) => answers.authenticate(request, decide));
    hooks.refreshIdentity.tap((request, decide) => answers.refreshIdentity(request, decide));
    hooks.loadPolicy.tap((request, give) => answers.loadPolicy(request, give));

    await source.start();
    context.onReload(() => source.reload());
  },
});
