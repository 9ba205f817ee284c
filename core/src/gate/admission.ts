import { randomBytes } from 'node:crypto';
import type { ClientInfo, IdentityGrant, NormalizeConnectRequest, TenantGrant } from '@portcullis/sdk';
import { isTopicName, ReasonCode } from '@portcullis/sdk';
import type { AskOptions, Outcome, Pending } from '../hooks/index.js';
import { type AdmissionResult, type ConnectRequest, changedInfo, clientInfo, isTooLong } from './admission-types.js';
import { ArrivingRights } from './arriving-rights.js';
import type { Concerned, GateClient, Standing } from './client.js';
import { FAULT_CODE, OVERLOAD_CODE, refusalCode } from './codes.js';
import { patchedConnect } from './connect-patch.js';
import type { Gate } from './gate.js';
import { Message } from './message.js';
import type { Tenancy } from './tenancy.js';

const TENANT = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/**
 * The way of one CONNECT through the gate: tenant, patches, guards, authentication, guards, rights, will. Each step is asked only after the
 * one before let the client pass, and the first refusal ends it.
 */
export class Admission {
  /** Among the CONNECTs that are on their way. */
  place = -1;
  readonly #gate: Gate;
  #standing: Standing;
  readonly #request: ConnectRequest;
  readonly #done: (result: AdmissionResult) => void;
  /** Of its own generation, as the standing is. */
  readonly #tenancy: Tenancy;
  readonly #standings: Gate['standings'];
  readonly #beganAt: number;
  #deadlineAt: number;
  readonly #exchange = {};
  #info: ClientInfo;
  #username: string | null;
  #tenant: string | null = null;
  #assignedClientId: string | null = null;
  #step = 0;
  #authData: Buffer | null = null;
  /** Made when its identity is known. */
  #rights: ArrivingRights | null = null;
  #pending: Pending | null = null;
  #over = false;

  constructor(gate: Gate, standing: Standing, request: ConnectRequest, done: (result: AdmissionResult) => void) {
    this.#gate = gate;
    this.#standing = standing;
    this.#request = request;
    this.#done = done;
    this.#tenancy = gate.tenancy;
    this.#standings = gate.standings;
    this.#beganAt = gate.now();
    this.#deadlineAt = this.#beganAt + standing.chain.deadlineMs;
    this.#username = request.username;
    this.#info = clientInfo(request, gate.sessionRules.maxExpirySeconds);
  }

  /** Begins; `done` may be called before it returns. */
  start(): void {
    this.#gate.admissions.add(this);
    // No plugin, no hash and no database has to cope with it.
    if (isTooLong(this.#username, this.#gate.limits.maxUsernameBytes)) {
      return this.#refuse('connect', null, ReasonCode.BadUserNameOrPassword, 'deny', 'the username is longer than maxUsernameBytes');
    }
    const { tenant } = this.#request;
    if (tenant !== undefined) return this.#enter(tenant, null);
    if (!this.#standing.global.has('resolveTenant')) return this.#ofListener();
    const request = { client: this.#info, username: this.#username, tls: this.#request.tls };
    this.#ask((options) =>
      this.#standing.global.firstGiven('resolveTenant', request, options, (given) => {
        this.#pending = null;
        if (this.#over) return;
        if (given.kind === 'fault') return this.#fault('resolveTenant', given.plugin, given.overload, given.detail);
        if (given.kind !== 'given') return this.#ofListener();
        const grant = given.value as TenantGrant;
        if (typeof grant?.name !== 'string' || !TENANT.test(grant.name))
          return this.#fault('resolveTenant', given.plugin, false, 'malformed tenant name');
        this.#enter(grant.name, given.plugin);
      }),
    );
  }

  /** No plugin has given a tenant: it is by its listener's rule that the client has one. */
  #ofListener(): void {
    const found = this.#tenancy.resolve(this.#info.connection.listener, this.#username, this.#request.tls);
    if ('refused' in found) return this.#refuseTenant(null, found.refused);
    this.#username = found.username;
    this.#enter(found.tenant, null);
  }

  /** The tenant is known; from here on its own chain judges the client, if it has one. */
  #enter(tenant: string | null, plugin: string | null): void {
    this.#tenant = tenant;
    const place = this.#tenancy.place(this.#info.connection.listener, tenant, this.#standing.chain.name);
    if ('refused' in place) return this.#refuseTenant(plugin, place.refused);
    if (place.chain !== this.#standing.chain.name) {
      const standing = this.#standings.get(place.chain);
      if (standing === undefined) return this.#fault('resolveTenant', plugin, false, 'the chain of the tenant is not in the configuration');
      this.#standing = standing;
      this.#deadlineAt = this.#beganAt + standing.chain.deadlineMs;
    }
    this.#normalize();
  }

  /** As an unknown user is: who has no tenant here must not find out which there are. */
  #refuseTenant(plugin: string | null, detail: string): void {
    this.#refuse('resolveTenant', plugin, ReasonCode.BadUserNameOrPassword, 'deny', detail);
  }

  /** The client is gone: everybody who was asked hears of it, and nothing is done any more. */
  cancel(): void {
    if (!this.#over) this.#gate.connectAbandoned(this.#info, this.#username);
    this.#end();
    this.#pending?.cancel();
    this.#pending = null;
  }

  /** Ends it if the identity that it has found is meant. Whoever has none yet is judged by what its authority knows by then. */
  dismiss(isMeant: (clientId: string, username: string | null, tenant: string | null) => boolean, reasonCode: number): boolean {
    const rights = this.#rights;
    if (rights === null || !isMeant(this.#info.id, rights.username, this.#tenant)) return false;
    this.#pending?.cancel();
    this.#pending = null;
    this.#refuse('connect', null, refusalCode(reasonCode, 'connack'), 'deny', 'disconnected by a plugin');
    return true;
  }

  /** Rights have changed at their source. Whoever has no identity yet is given what its source knows by then. */
  invalidated(concerns: (client: Concerned) => boolean, plugin: string, version: number | null): void {
    this.#rights?.invalidated(concerns, plugin, version);
  }

  /** The client's answer to a challenge (AUTH 0x18). */
  answerChallenge(data: Buffer | null): void {
    if (!this.#over) this.#enhanced(data);
  }

  /** The client let the deadline of the chain pass without answering a challenge. */
  challengeTimedOut(): void {
    if (!this.#over) this.#refuse('authenticateEnhanced', null, ReasonCode.NotAuthorized, 'deny', 'the client left a challenge unanswered');
  }

  /** The configuration generation that judges it, from the first step to the last. */
  get generation(): number {
    return this.#standing.generation;
  }

  get deadlineAt(): number {
    return this.#deadlineAt;
  }

  #normalize(): void {
    if (this.#standing.global.has('normalizeConnect')) {
      const request: NormalizeConnectRequest = { client: this.#info, username: this.#username, tenant: this.#tenant, tls: this.#request.tls };
      const result = this.#standing.global.waterfall('normalizeConnect', request, (current, patch) =>
        patchedConnect(current, patch, this.#gate.limits.maxUsernameBytes, this.#gate.sessionRules.maxExpirySeconds),
      );
      if ('kind' in result) return this.#fault('normalizeConnect', result.plugin, result.overload, result.detail);
      this.#info = result.request.client;
      this.#username = result.request.username;
    }
    // [MQTT-3.1.3-8] of 3.1.1, 5.0 section 3.1.3.1: without an identifier a 3.x client cannot have a session that lasts.
    if (this.#info.id === '') {
      if (this.#info.protocol === '3.1' || (this.#info.protocol === '3.1.1' && !this.#info.cleanStart)) {
        return this.#refuse('connect', null, ReasonCode.ClientIdentifierNotValid, 'deny', 'no client identifier');
      }
      // [MQTT-3.1.3-6] A fresh one, that nobody else can guess or hold.
      this.#assignedClientId = `auto-${randomBytes(12).toString('hex')}`;
      this.#info = changedInfo(this.#info, { id: this.#assignedClientId });
    }
    this.#admitClient();
  }

  #admitClient(): void {
    if (!this.#standing.hooks.has('admitClient')) return this.#authenticate();
    const request = {
      client: this.#info,
      username: this.#username,
      tenant: this.#tenant,
      tls: this.#request.tls,
      userProperties: this.#request.userProperties,
    };
    this.#ask((options) =>
      this.#standing.hooks.ask('admitClient', request, options, (outcome) => this.#guarded('admitClient', outcome, () => this.#authenticate())),
    );
  }

  #authenticate(): void {
    if (this.#request.authenticationMethod !== null) return this.#enhanced(this.#request.authenticationData);
    const request = { client: this.#info, tenant: this.#tenant, tls: this.#request.tls, userProperties: this.#request.userProperties };
    this.#ask((options) =>
      this.#standing.hooks.ask(
        'authenticate',
        request,
        { deadlineAt: options.deadlineAt, password: { username: this.#username, password: this.#request.password } },
        (outcome) => this.#identified('authenticate', outcome),
      ),
    );
  }

  #enhanced(data: Buffer | null): void {
    this.#step += 1;
    const method = this.#request.authenticationMethod ?? '';
    const request = {
      client: this.#info,
      method,
      data,
      step: this.#step,
      reauthentication: false,
      exchange: this.#exchange,
      username: this.#username,
      tenant: this.#tenant,
      tls: this.#request.tls,
    };
    this.#ask((options) =>
      this.#standing.hooks.askEnhanced(method, request, options, (outcome) => {
        if (outcome.kind === 'continue') {
          this.#pending = null;
          if (!this.#over) this.#done({ kind: 'challenge', data: outcome.data });
          return;
        }
        // [MQTT-4.12.0-1] Nobody owns the method.
        if (outcome.kind === 'skip') {
          this.#pending = null;
          return this.#refuse('authenticateEnhanced', null, ReasonCode.BadAuthenticationMethod, 'deny', 'nobody owns the authentication method');
        }
        if (outcome.kind === 'allow') this.#authData = outcome.data;
        this.#identified('authenticateEnhanced', outcome);
      }),
    );
  }

  #identified(hook: string, outcome: Outcome): void {
    this.#pending = null;
    if (this.#over) return;
    switch (outcome.kind) {
      case 'allow':
        if (outcome.grant === null) return this.#fault(hook, outcome.plugin, false, 'allow without an identity');
        return this.#admitIdentity(outcome.plugin, outcome.grant);
      case 'skip':
        return this.#refuse(hook, null, ReasonCode.BadUserNameOrPassword, 'deny', 'nobody knows the client');
      case 'deny':
        return this.#refuse(hook, outcome.plugin, refusalCode(outcome.reason, 'connack'), 'deny', 'denied');
      case 'fault':
        return this.#fault(hook, outcome.plugin, outcome.overload, outcome.detail);
      default:
        return this.#fault(hook, null, false, `an authority answered ${outcome.kind}`);
    }
  }

  #admitIdentity(authority: string, grant: IdentityGrant): void {
    const username = grant.identity.anonymous === true ? null : grant.identity.username;
    // A session that outlives its connection belongs to a principal, and an anonymous client is none: anybody could come back to it.
    const lasts = this.#info.sessionExpirySeconds > 0;
    if (username === null && lasts && this.#gate.sessionRules.clientIdOwnership === 'principal')
      this.#info = changedInfo(this.#info, { sessionExpirySeconds: 0 });
    if (this.#gate.sessionRules.useUsernameAsClientId) {
      if (username === null)
        return this.#refuse('connect', null, ReasonCode.ClientIdentifierNotValid, 'deny', 'anonymous clients have no username to go by');
      this.#info = changedInfo(this.#info, { id: username });
    }
    const subject = { info: this.#info, identity: grant.identity, tenant: this.#tenant, tls: this.#request.tls };
    const { mountpoint = '' } = this.#request;
    const rights = new ArrivingRights(this.#gate, this.#standing, subject, authority, grant, mountpoint, this.#deadlineAt);
    this.#rights = rights;
    if (!this.#standing.hooks.has('admitIdentity')) return this.#loadPolicy(rights);
    const request = { client: this.#info, identity: grant.identity, tenant: this.#tenant, tls: this.#request.tls };
    this.#ask((options) =>
      this.#standing.hooks.ask('admitIdentity', request, options, (outcome) =>
        this.#guarded('admitIdentity', outcome, () => this.#loadPolicy(rights)),
      ),
    );
  }

  #loadPolicy(rights: ArrivingRights): void {
    this.#ask(() =>
      rights.load((arrived) => {
        this.#pending = null;
        if (this.#over) return;
        // R5: no session without a policy.
        if (arrived.kind === 'fault') return this.#fault('loadPolicy', arrived.plugin, arrived.overload, arrived.detail);
        this.#judgeWill(rights, arrived.client);
      }),
    );
  }

  #judgeWill(rights: ArrivingRights, client: GateClient): void {
    const fields = this.#request.will;
    if (fields === null) return this.#accept(client, null);
    if (!isTopicName(fields.topic))
      return this.#refuse('authorize', null, ReasonCode.TopicNameInvalid, 'deny', 'the will has no valid topic', client);
    const will = new Message({
      topic: fields.topic,
      topicBytes: Buffer.from(fields.topic, 'utf8'),
      payload: fields.payload,
      qos: fields.qos,
      retain: fields.retain,
      properties: fields.properties.length === 0 ? null : fields.properties,
      expiresAt: 0,
      publisherClientId: client.info.id,
      publisher: client.username,
    });
    this.#ask((options) =>
      this.#gate.authorizeMessage(client, will, true, options.deadlineAt, (judgement) => {
        this.#pending = null;
        if (this.#over) return;
        // They have changed while code was asked.
        if (rights.superseded) {
          client.binding.release();
          return this.#loadPolicy(rights);
        }
        if (judgement.outcome === 'allow') return this.#accept(client, will);
        if (judgement.outcome === 'fault') return this.#fault('authorize', judgement.plugin, false, judgement.detail, client);
        this.#refuse('authorize', judgement.plugin, refusalCode(judgement.reason, 'connack'), 'deny', 'the will is not allowed', client);
      }),
    );
  }

  #accept(client: GateClient, will: Message | null): void {
    this.#end();
    this.#gate.connectDecided('authenticate', client.authority, 'allow', 0, this.#info, client.username, 'allowed');
    this.#done({
      kind: 'accepted',
      client,
      will,
      assignedClientId: this.#assignedClientId,
      authData: this.#authData,
      tenancy: this.#tenancy,
    });
  }

  #end(): void {
    this.#over = true;
    this.#gate.admissions.delete(this);
  }

  /** Runs one asynchronous step; the handle is kept only while the answer is out. */
  #ask(step: (options: AskOptions) => Pending | null): void {
    if (this.#over) return;
    const pending = step({ deadlineAt: this.#deadlineAt });
    // A step that was answered at once gives no handle: it has gone on already, and perhaps left one of its own.
    if (pending === null) return;
    // Who is asked may also end the very connection that he is asked about.
    if (this.#over) pending.cancel();
    else this.#pending = pending;
  }

  #guarded(hook: string, outcome: Outcome, next: () => void): void {
    this.#pending = null;
    if (this.#over) return;
    switch (outcome.kind) {
      case 'pass':
        return next();
      case 'deny':
        return this.#refuse(hook, outcome.plugin, refusalCode(outcome.reason, 'connack'), 'deny', 'a guard did not let it pass');
      case 'fault':
        return this.#fault(hook, outcome.plugin, outcome.overload, outcome.detail);
      default:
        return this.#fault(hook, null, false, `a guard answered ${outcome.kind}`);
    }
  }

  #fault(hook: string, plugin: string | null, overload: boolean, detail: string, client: GateClient | null = null): void {
    this.#refuse(hook, plugin, overload ? OVERLOAD_CODE : FAULT_CODE.connack, 'fault', detail, client);
  }

  #refuse(
    hook: string,
    plugin: string | null,
    reasonCode: number,
    outcome: 'deny' | 'fault',
    detail: string,
    client: GateClient | null = null,
  ): void {
    if (this.#over) return;
    this.#end();
    client?.binding.release();
    this.#gate.connectDecided(hook, plugin, outcome, reasonCode, this.#info, this.#username, detail);
    this.#done({ kind: 'refused', reasonCode });
  }
}
