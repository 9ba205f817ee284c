import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { formsOf, Secrets, without } from './secrets.js';

const SECRETS = ['correct horse battery', 'tab\tand\nnewline', 'p@ss/wörd+"quoted"\\', "it's (50%) ~safe!*", 'Grün-日本-🔑-schlüssel', 'abcdef'];

/** The ways in which a secret gets into a text. */
const WAYS: readonly (readonly [string, (secret: string) => string])[] = [
  ['as it is', (secret) => secret],
  ['as JSON', (secret) => JSON.stringify({ password: secret })],
  ['as JSON in JSON in JSON', (secret) => JSON.stringify({ a: JSON.stringify({ b: JSON.stringify(secret) }) })],
  [
    'as JSON of ASCII only',
    (secret) => JSON.stringify(secret).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ],
  ['as Node prints it', (secret) => inspect({ password: secret })],
  ['in an address', (secret) => `postgres://user:${encodeURIComponent(secret)}@db/x`],
  ['in an address with small letters', (secret) => encodeURIComponent(secret).replace(/%../g, (escaped) => escaped.toLowerCase())],
  ['in an address, as URL writes it', (secret) => Object.assign(new URL('http://u@h'), { password: secret }).href],
  ['in a form', (secret) => new URLSearchParams({ password: secret }).toString()],
  ['in hexadecimal', (secret) => Buffer.from(secret).toString('hex')],
  ['in hexadecimal, large', (secret) => Buffer.from(secret).toString('hex').toUpperCase()],
  ['in Base64', (secret) => Buffer.from(secret).toString('base64')],
  ['in Base64 for addresses', (secret) => Buffer.from(secret).toString('base64url')],
  ['in Base64 behind a name', (secret) => `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`],
  ['in Base64 behind a longer name', (secret) => Buffer.from(`users:${secret}`).toString('base64')],
  ['in Base64 in the middle', (secret) => Buffer.from(`me:${secret}:more`).toString('base64url')],
];

/** Whether anything of the secret can still be read, decoding what looks like one of these. */
function leaks(text: string, secret: string): boolean {
  const decoded = [text, text.replaceAll('+', ' ')].flatMap((each) => {
    const bytes = /[0-9a-f]{6,}/gi.exec(each)?.[0] ?? '';
    const base64 = [...each.matchAll(/[A-Za-z0-9+/_-]{6,}/g)].flatMap(([run]) =>
      [0, 1, 2, 3].map((skipped) => Buffer.from(run.slice(skipped), 'base64').toString('utf8')),
    );
    return [each, decodeAll(each), Buffer.from(bytes, 'hex').toString('utf8'), ...base64];
  });
  for (let times = 1, unescaped = text; times <= 4; times += 1) {
    unescaped = unescaped
      .replace(/\\u([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(/\\(["\\])/g, '$1');
    decoded.push(unescaped);
  }
  return decoded.some((each) => each.includes(secret) || each.includes(JSON.stringify(secret).slice(1, -1)));
}

function decodeAll(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}

describe('a secret of the configuration is hidden', () => {
  for (const [way, write] of WAYS) {
    test(way, () => {
      for (const secret of SECRETS) {
        const secrets = new Secrets();
        secrets.add([secret, 'another one']);
        const text = `before ${write(secret)} behind`;
        assert.ok(leaks(text, secret), `the test would not notice ${text}`);
        const hidden = secrets.hide(text);
        assert.ok(!leaks(hidden, secret), hidden);
        assert.ok(hidden.startsWith('before ') && hidden.endsWith(' behind') && hidden.includes('[***]'), hidden);
      }
    });
  }

  test('line by line, where it has many: an error may quote one', () => {
    const secrets = new Secrets();
    secrets.add(['-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\r\nshort\n']);
    assert.equal(secrets.hide('cannot read MIIEvQIBADANBgkqhkiG9w0'), 'cannot read [***]');
    assert.equal(secrets.hide('in short'), 'in short');
  });

  test('of an address of a backend, also its password alone, as it stands there and decoded', () => {
    for (const value of [
      'postgres://user:p%40ss-word@db.example:5432/x?sslmode=require',
      'host=db user=me password=p%40ss-word sslmode=require',
      'Server=db;Pwd=p%40ss-word;Uid=me',
    ]) {
      const secrets = new Secrets();
      secrets.add([value]);
      const expected = 'denied for [***] or [***], at db.example with sslmode=require';
      assert.equal(secrets.hide('denied for p%40ss-word or p@ss-word, at db.example with sslmode=require'), expected, value);
      assert.equal(secrets.hide(`cannot use ${value}`), 'cannot use [***]');
    }
    const secrets = new Secrets();
    secrets.add(['redis://user@host/0', 'mqtt://a:%zz-broken@h', 'http://h/a:b@c']);
    assert.equal(secrets.hide('user, host, %zz-broken, a:b'), 'user, host, [***], a:b');
  });

  test('unless it is shorter than six characters, which occur by chance', () => {
    const secrets = new Secrets();
    secrets.add(['abcde', '']);
    assert.equal(secrets.hide('abcdefg'), 'abcdefg');
  });

  test('of another one that contains it, the longer first', () => {
    const secrets = new Secrets();
    secrets.add(['secret', 'secret-and-more']);
    assert.equal(secrets.hide('is secret-and-more'), 'is [***]');
  });

  test('also when the configuration has changed since; of a thousand, the oldest are forgotten', () => {
    const secrets = new Secrets();
    secrets.add(['first-value']);
    secrets.add(['second-value']);
    assert.equal(secrets.hide('first-value second-value'), '[***] [***]');
    const many = Array.from({ length: 999 }, (_, index) => `value number ${index} of many`);
    // What is named again counts as new.
    secrets.add(['first-value', ...many]);
    assert.equal(secrets.hide('first-value second-value'), '[***] second-value');
    assert.equal(secrets.hide('value number 998 of many'), '[***]');
  });
});

test('A text without any secret is the very same.', () => {
  assert.equal(new Secrets().hide('as it was'), 'as it was');
  const secrets = new Secrets();
  secrets.add(['something else']);
  assert.equal(secrets.hide('as it was'), 'as it was');
});

test('No form repeats anything without a bound, so that no text makes the search take the square of its length.', () => {
  for (const secret of SECRETS) {
    for (const form of formsOf(Buffer.from(secret))) {
      if (typeof form === 'string') continue;
      const withoutEscapes = form.source.replace(/\\./g, '');
      assert.doesNotMatch(withoutEscapes, /[+*]|,\}/);
    }
  }
});

test('Bytes that are no text have forms, too, and none of them is empty.', () => {
  for (const bytes of [[], [0], [0xff, 0xfe, 0x00, 0x80, 0x41, 0x42, 0x43]]) {
    for (const form of formsOf(Uint8Array.from(bytes))) assert.notEqual(form, '');
  }
  assert.equal(without('hex fffe0080414243', formsOf(Uint8Array.from([0xff, 0xfe, 0x00, 0x80, 0x41, 0x42, 0x43])), '*'), 'hex *');
});
