import { CANARY, describeCredentials, HOSTILE_NAMES, HOSTILE_PASSWORDS, sameCredentials, wrongPasswords } from './hostile.js';
import { type ConformanceCase, type TestCredentials, timeoutOf } from './options.js';
import { login, mustEnter, mustNotEnter, PROTOCOLS, type Trial } from './trial.js';

const AT_ONCE = 40;
const LEAVERS = 20;
const GENERATIONS = 5;

/** What must hold for every plugin that says who may come in. */
export function authorityCases(trial: Trial): ConformanceCase[] {
  const { validCredentials = [], invalidCredentials = [] } = trial.options;
  const isValid = (credentials: TestCredentials): boolean => validCredentials.some((valid) => sameCredentials(valid, credentials));
  const invalid = (list: readonly TestCredentials[]): TestCredentials[] => list.filter((credentials) => !isValid(credentials));
  const strangers = invalid(HOSTILE_NAMES.map((username) => ({ username, password: CANARY })));
  const one = (title: string, run: ConformanceCase['run']): ConformanceCase => ({ title, run });

  return [
    one('lets in whom it should, on MQTT 3.1, 3.1.1 and 5.0', () =>
      trial.with(async (broker) => {
        for (const protocol of PROTOCOLS) for (const valid of validCredentials) await mustEnter(broker, protocol, valid);
        const others = broker.decisions.filter(({ hook, outcome, plugin }) => hook === 'authenticate' && outcome === 'allow' && plugin !== 'plugin');
        if (others.length > 0) throw new Error(`it was ${others[0]?.plugin} that let them in`);
      }),
    ),
    one('refuses wrong, empty and missing passwords of users that it knows', () =>
      trial.with(async (broker) => {
        for (const protocol of PROTOCOLS) {
          // Before 5.0 there is no password without a username.
          const known = validCredentials.filter(({ username }) => username !== undefined || protocol === '5.0');
          for (const credentials of invalid(known.flatMap(wrongPasswords))) await mustNotEnter(broker, protocol, credentials);
        }
      }),
    ),
    one('refuses the credentials that are said to be invalid', () =>
      trial.with(async (broker) => {
        for (const protocol of PROTOCOLS) for (const credentials of invalidCredentials) await mustNotEnter(broker, protocol, credentials);
      }),
    ),
    one('refuses strangers whatever their names look like, and does not fault over them', () =>
      trial.with(async (broker) => {
        for (const credentials of strangers) await mustNotEnter(broker, '5.0', credentials);
        for (const { username } of strangers)
          if (!isValid({ username: username ?? '' })) await mustNotEnter(broker, '3.1.1', { username: username ?? '' });
      }),
    ),
    one('refuses passwords that are no text, and enormous ones', () =>
      trial.with(async (broker) => {
        const names = [...new Set(['stranger', ...validCredentials.flatMap(({ username }) => (username === undefined ? [] : [username]))])];
        const tries = names.flatMap((username) => HOSTILE_PASSWORDS.map((password) => ({ username, password })));
        for (const credentials of invalid(tries)) await mustNotEnter(broker, '5.0', credentials);
      }),
    ),
    one('refuses who brings an empty name, or nothing at all, unless that is said to be valid', () =>
      trial.with(async (broker) => {
        for (const protocol of PROTOCOLS) {
          for (const credentials of invalid([{}, { username: '' }, { username: '', password: '' }, { username: '', password: CANARY }]))
            await mustNotEnter(broker, protocol, credentials);
        }
        for (const credentials of invalid([{ password: '' }, { password: CANARY }])) await mustNotEnter(broker, '5.0', credentials);
      }),
    ),
    one('is never asked about a name with U+0000', () =>
      trial.with(async (broker) => {
        for (const protocol of PROTOCOLS) await mustNotEnter(broker, protocol, { username: 'a\u0000b', password: CANARY });
        if (broker.decisions.some(({ plugin }) => plugin === 'plugin')) throw new Error('the plugin was asked');
      }),
    ),
    one('answers within its deadline', () =>
      trial.with(async (broker) => {
        const limitMs = timeoutOf(trial.options);
        for (const credentials of [...validCredentials, ...invalid([{ username: 'stranger', password: CANARY }])]) {
          const begun = performance.now();
          await login(broker, '5.0', credentials);
          const took = Math.round(performance.now() - begun);
          if (took > limitMs) throw new Error(`the answer for ${describeCredentials(credentials)} took ${took} ms, the deadline is ${limitMs} ms`);
        }
      }),
    ),
    one('says only what "decides" of its manifest lists', () =>
      trial.with(async (broker) => {
        for (const credentials of [...validCredentials, ...invalidCredentials, ...strangers.slice(0, 3)]) await login(broker, '3.1.1', credentials);
        const allowed = trial.plugin.decides?.authenticate ?? [];
        for (const { hook, plugin, outcome } of broker.decisions) {
          if (hook !== 'authenticate' || plugin !== 'plugin' || outcome === 'fault') continue;
          if (!allowed.includes(outcome)) throw new Error(`it said ${outcome}`);
        }
      }),
    ),
    one('answers many at once, each for itself', () =>
      trial.with(async (broker) => {
        const tries = Array.from({ length: AT_ONCE }, (_, index): TestCredentials => {
          const valid = validCredentials[(index >> 1) % Math.max(1, validCredentials.length)];
          if (index % 2 === 0 && valid !== undefined) return valid;
          return { username: `stranger-${index}`, password: CANARY };
        });
        const codes = await Promise.all(tries.map((credentials) => login(broker, '5.0', credentials)));
        for (const [index, credentials] of tries.entries()) {
          const entered = codes[index] === 0;
          if (entered !== isValid(credentials))
            throw new Error(`among others, ${describeCredentials(credentials)} was ${entered ? 'let in' : 'refused'}`);
        }
      }),
    ),
    one('goes on when clients leave before the answer', () =>
      trial.with(async (broker) => {
        for (let i = 0; i < LEAVERS; i += 1) {
          const client = await broker.client({ protocol: '3.1.1' });
          client.sendConnect(i % 2 === 0 ? { username: 'stranger', password: CANARY } : (validCredentials[0] ?? {}));
          client.reset();
        }
        for (const valid of validCredentials) await mustEnter(broker, '5.0', valid);
      }),
    ),
    one('says the same after a reload and in a new generation', () =>
      trial.with(async (broker) => {
        for (let i = 0; i < GENERATIONS; i += 1) {
          await (i % 2 === 0 ? broker.reload() : broker.reconfigure());
          for (const valid of validCredentials) await mustEnter(broker, '5.0', valid);
          for (const credentials of invalid([{ username: 'stranger', password: CANARY }, ...validCredentials.flatMap(wrongPasswords).slice(0, 2)]))
            if (credentials.username !== undefined) await mustNotEnter(broker, '5.0', credentials);
        }
      }),
    ),
  ];
}
