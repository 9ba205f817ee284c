import { isTopicFilter, isTopicName } from '@portcullis/sdk';
import { nameHint } from './did-you-mean.js';
import type { JsonDocument } from './json-document.js';
import { isTlsScheme, type ListenerScheme } from './listener-url.js';
import { type Problem, quoted, type Segment } from './problem.js';

/** A server name as clients ask for it, in lower case. */
const SERVER_NAME = /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const USERNAME_FORM = /^(?:<tenant>([^<>]+)<user>|<user>([^<>]+)<tenant>)$/;
/** What a tenant's name may hold: in a separator, nobody could tell where the name ends. */
const IN_NAMES = /[A-Za-z0-9._-]/;

/** What tells the tenant from the user in a username, and which comes first; null when it is no such form. */
export function usernameForm(form: string): { readonly separator: string; readonly tenantFirst: boolean } | null {
  const found = USERNAME_FORM.exec(form);
  const separator = found?.[1] ?? found?.[2] ?? '';
  if (separator === '' || IN_NAMES.test(separator)) return null;
  return { separator, tenantFirst: found?.[1] !== undefined };
}

/** What a schema cannot say of tenants: names that must exist, forms, topics. Looks only at what has the right type. */
export class TenantChecks {
  readonly #json: JsonDocument;
  readonly #problems: Problem[];
  readonly #tenants: readonly string[];

  constructor(json: JsonDocument, problems: Problem[]) {
    this.#json = json;
    this.#problems = problems;
    this.#tenants = this.#names('tenants');
  }

  tenants(): void {
    for (const tenant of this.#tenants) {
      const base = ['tenants', tenant];
      this.#mustExist([...base, 'chain'], 'chain', this.#names('chains'));
      for (const at of this.#items([...base, 'listeners'])) this.#mustExist(at, 'listener', this.#names('listeners'));
      for (const at of this.#items([...base, 'exports'])) this.#export(tenant, at);
    }
  }

  listener(name: string, scheme: ListenerScheme | null): void {
    const base = ['listeners', name];
    const at = [...base, 'tenant'];
    if (typeof this.#text(at) === 'string') this.#mayEnter(at, name);
    const sni = this.#json.node([...at, 'sni']);
    if (sni !== null && this.#needsTls([...at, 'sni'], scheme)) {
      for (const host of sni.members?.keys() ?? []) {
        if (!SERVER_NAME.test(host)) {
          this.#problem([...at, 'sni', host], `${quoted(host)} is not a server name`, 'in lower case, without a port: "mqtt.acme.example"', true);
        }
        this.#mayEnter([...at, 'sni', host], name);
      }
    }
    const form = this.#text([...at, 'username']);
    if (form !== null && usernameForm(form) === null) {
      const hint = '"<tenant>/<user>" or "<user>@<tenant>"; between them something that no name holds';
      this.#problem([...at, 'username'], 'does not say where the tenant stands in the username', hint);
    }
    this.#certificate(base);
    if (form !== null || this.#json.node([...at, 'certificate']) !== null) this.#needsTenants(at);
    this.#mountpoint([...base, 'mountpoint']);
  }

  #certificate(base: readonly Segment[]): void {
    const at = [...base, 'tenant', 'certificate'];
    if (this.#json.node(at) === null) return;
    const asked = this.#text([...base, 'tls', 'clientCertificate']);
    if (asked === 'optional' || asked === 'required') return;
    this.#problem(at, 'clients of this listener are asked for no certificate', 'set "clientCertificate" in its "tls" to "required"', true);
  }

  #needsTls(at: readonly Segment[], scheme: ListenerScheme | null): boolean {
    if (scheme === null || isTlsScheme(scheme)) return true;
    this.#problem(at, 'clients of this listener ask for no server name', 'it is for mqtts:// and wss:// listeners', true);
    return false;
  }

  #needsTenants(at: readonly Segment[]): void {
    if (this.#tenants.length > 0) return;
    this.#problem(at, 'there are no tenants', 'name them under "tenants"; a client of any other is refused', true);
  }

  /** The tenant must be there, and be admitted on the listener that leads to it. */
  #mayEnter(at: readonly Segment[], listener: string): void {
    const tenant = this.#mustExist(at, 'tenant', this.#tenants);
    if (tenant === null) return;
    const only = this.#json.node(['tenants', tenant, 'listeners'])?.items;
    if (only === undefined || only === null || only.some(({ value }) => value === listener)) return;
    this.#problem(at, `the tenant ${quoted(tenant)} is not admitted on this listener`, `add ${quoted(listener)} to the "listeners" of the tenant`);
  }

  #export(tenant: string, at: readonly Segment[]): void {
    const to = this.#mustExist([...at, 'to'], 'tenant', this.#tenants);
    if (to === tenant) this.#problem([...at, 'to'], 'a tenant cannot export to itself', 'what is published there is there already');
    for (const path of this.#items([...at, 'topics'])) {
      const filter = this.#text(path);
      if (filter === null) continue;
      if (!isTopicFilter(filter))
        this.#problem(path, 'is not a valid topic filter', '"#" stands last and alone in its level, "+" alone in its level');
      else if (filter.startsWith('$')) this.#problem(path, 'topics that begin with $ stay in their tenant', 'remove it');
    }
    const under = this.#text([...at, 'under']);
    if (under === null || under === '') return;
    if (isTopicName(under) && !under.startsWith('$') && !under.endsWith('/')) return;
    this.#problem(
      [...at, 'under'],
      'cannot be put before a topic',
      'levels without wildcards, not beginning with "$" nor ending with "/": "from/acme"',
    );
  }

  #mountpoint(at: readonly Segment[]): void {
    const mountpoint = this.#text(at);
    if (mountpoint === null) return;
    const hint = 'levels without wildcards, not beginning with "$": "acme/"';
    if (!isTopicName(mountpoint) || mountpoint.startsWith('$')) this.#problem(at, 'topics cannot lie below it', hint);
    else if (!mountpoint.endsWith('/'))
      this.#problem(at, 'must end with a slash', `write ${quoted(`${mountpoint}/`)}: else its clients would share a level with others`);
    else if (Buffer.byteLength(mountpoint) > MAX_MOUNTPOINT_BYTES) this.#problem(at, `has more than ${MAX_MOUNTPOINT_BYTES} bytes`, null);
  }

  #mustExist(at: readonly Segment[], kind: string, known: readonly string[]): string | null {
    const given = this.#text(at);
    if (given === null) return null;
    if (known.includes(given)) return given;
    this.#problem(at, `there is no ${kind} ${quoted(given)}`, nameHint(given, known) ?? (kind === 'tenant' ? 'name it under "tenants"' : null));
    return null;
  }

  #names(key: string): string[] {
    return [...(this.#json.node([key])?.members?.keys() ?? [])];
  }

  #items(at: readonly Segment[]): Segment[][] {
    return (this.#json.node(at)?.items ?? []).map((_, index) => [...at, index]);
  }

  #text(at: readonly Segment[]): string | null {
    const value = this.#json.node(at)?.value;
    return typeof value === 'string' ? value : null;
  }

  #problem(at: readonly Segment[], message: string, hint: string | null, atKey = false): void {
    this.#problems.push(atKey ? this.#json.problemAtKey(at, message, hint) : this.#json.problem(at, message, hint));
  }
}

/** So long that nobody needs more, and short enough that most topics fit behind it. */
const MAX_MOUNTPOINT_BYTES = 1024;
