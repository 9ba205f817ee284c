import type { ClientInfo, Identity, PolicyGrant, TlsEvidence } from '@portcullis/sdk';
import { errorText } from '../errors.js';
import type { Pending } from '../hooks/index.js';
import { type Binding, type BindingSource, CompiledRules } from '../policy/index.js';
import type { Standing } from './client.js';

const NO_TEMPLATES: readonly string[] = [];

/** Whose policy is loaded. */
export interface PolicySubject {
  readonly info: ClientInfo;
  readonly identity: Identity;
  readonly tenant: string | null;
  readonly tls: TlsEvidence | null;
  /** Versions that sources have announced for this client. */
  readonly announced?: ReadonlyMap<string, number> | null;
}

export interface LoadedPolicy {
  readonly kind: 'policy';
  readonly binding: Binding;
  readonly sources: readonly string[];
  readonly versions: ReadonlyMap<string, number | string>;
  /** Shortest lease that a source gave, in seconds, or null. */
  readonly leaseSeconds: number | null;
}

export interface PolicyFault {
  readonly kind: 'fault';
  readonly plugin: string | null;
  readonly overload: boolean;
  /** Whether the answer was older than what its source had announced. */
  readonly outdated: boolean;
  readonly detail: string;
}

/** Asks the chain's sources for a client's rights and binds the answers; a rule that does not compile is a fault of the plugin that gave it. */
export function loadPolicy(
  standing: Standing,
  subject: PolicySubject,
  reason: 'connect' | 'invalidated' | 'lease' | 'reload',
  knownVersions: ReadonlyMap<string, number | string>,
  deadlineAt: number,
  done: (result: LoadedPolicy | PolicyFault) => void,
): Pending | null {
  const request = { client: subject.info, identity: subject.identity, tenant: subject.tenant, tls: subject.tls, reason };
  return standing.hooks.loadPolicy(request, knownVersions, { deadlineAt }, (answers) => {
    done(
      'kind' in answers
        ? { kind: 'fault', plugin: answers.plugin, overload: answers.overload, outdated: false, detail: answers.detail }
        : bind(standing, subject, answers),
    );
  });
}

type Answers = readonly { readonly plugin: string; readonly grant: PolicyGrant | null }[];

/** Which plugins gave rights, and in which version. Nearly all clients of a chain have the same, and share one. */
class Given {
  readonly plugins: readonly string[];
  readonly versions: ReadonlyMap<string, number | string>;

  constructor(answers: Answers) {
    const versions = new Map<string, number | string>();
    for (const { plugin, grant } of answers) if (grant !== null) versions.set(plugin, grant.version);
    this.versions = versions;
    this.plugins = [...versions.keys()];
  }

  isOf(answers: Answers): boolean {
    let count = 0;
    let same = true;
    for (const { plugin, grant } of answers) {
      if (grant === null) continue;
      same &&= this.plugins[count] === plugin && this.versions.get(plugin) === grant.version;
      count += 1;
    }
    return same && count === this.plugins.length;
  }
}

let lastGiven = new Given([]);

function bind(standing: Standing, subject: PolicySubject, answers: Answers): LoadedPolicy | PolicyFault {
  const sources: BindingSource[] = [];
  const given = lastGiven.isOf(answers) ? lastGiven : new Given(answers);
  let leaseSeconds: number | null = null;
  let plugin: string | null = null;
  try {
    for (const answer of answers) {
      const { grant } = answer;
      if (grant === null) continue;
      plugin = answer.plugin;
      const announced = subject.announced?.get(plugin);
      if (announced !== undefined && typeof grant.version === 'number' && grant.version < announced) {
        const detail = `loadPolicy: version ${grant.version} is older than ${announced}, which was announced`;
        return { kind: 'fault', plugin, overload: false, outdated: true, detail };
      }
      if (grant.leaseSeconds !== undefined) leaseSeconds = Math.min(leaseSeconds ?? Number.POSITIVE_INFINITY, grant.leaseSeconds);
      const rules = grant.rules === undefined || grant.rules.length === 0 ? null : CompiledRules.compile(grant.rules);
      const { templates = NO_TEMPLATES } = grant;
      for (const template of templates) {
        if (!standing.engine.hasTemplate(plugin, template)) throw new Error(`there is no template ${JSON.stringify(template)}`);
      }
      sources.push({ plugin, templates, rules });
    }
    plugin = null;
    const { identity } = subject;
    const binding = standing.engine.bind({
      combine: standing.chain.combine,
      variables: {
        username: identity.anonymous === true ? null : identity.username,
        clientId: subject.info.id,
        tenant: subject.tenant,
        commonName: subject.tls?.certificate?.commonName ?? null,
        attributes: identity.attributes ?? null,
      },
      sources,
    });
    lastGiven = given;
    return { kind: 'policy', binding, sources: given.plugins, versions: given.versions, leaseSeconds };
  } catch (error) {
    return { kind: 'fault', plugin, overload: false, outdated: false, detail: `loadPolicy: ${errorText(error)}` };
  }
}
