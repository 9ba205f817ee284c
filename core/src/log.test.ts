import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Logger, type LogLevel } from './log.js';

function lineOf(fields: Record<string, unknown>, message = 'said'): string {
  const lines: string[] = [];
  new Logger(
    (line) => lines.push(line),
    'debug',
    {},
    () => 0,
  ).info(fields, message);
  assert.equal(lines.length, 1);
  return lines[0] as string;
}

test('A line has time, level, text and fields.', () => {
  assert.equal(lineOf({ client: 'c1', count: 3 }), '1970-01-01T00:00:00.000Z info  said client=c1 count=3');
});

test('A client cannot write lines, or drive the terminal, of whoever reads the log.', () => {
  const evil = 'a\nb\r\u001b[2J\u0000\u009b1m\u2028\u2029"=x';
  const line = lineOf({ client: evil, nested: { evil }, error: new Error(evil), list: [evil], symbol: Symbol(evil) }, evil);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
});

test('A text with blanks or quotes is quoted, so that it cannot look like another field.', () => {
  assert.ok(lineOf({ client: 'x admin=true' }).endsWith('client="x admin=true"'));
});

test('Long values are cut.', () => {
  assert.ok(lineOf({ a: 'x'.repeat(100_000), b: { c: 'y'.repeat(100_000) }, error: new Error('z'.repeat(100_000)) }).length < 2000);
});

test('Of bytes the length is shown and nothing else, at any depth.', () => {
  const line = lineOf({
    bytes: Buffer.from('hunter22'),
    nested: { list: [new Uint8Array([104, 117, 110])] },
    view: new DataView(new ArrayBuffer(4)),
  });
  assert.ok(line.endsWith('said bytes="[8 bytes]" nested={"list":["[3 bytes]"]} view="[4 bytes]"'), line);
});

test('Numbers, booleans and null are shown as they are.', () => {
  assert.ok(lineOf({ a: 1, b: true, c: null, d: -0.5 }).endsWith('said a=1 b=true c=null d=-0.5'));
});

test('Secrets of the configuration are hidden wherever they stand in a line, also half behind the point where a value is cut.', () => {
  const lines: string[] = [];
  const secret = 'line\none "quoted" secret';
  const root = new Logger(
    (line) => lines.push(line),
    'debug',
    { config: { password: secret } },
    () => 0,
  );
  const log = root.child({ child: secret });
  root.keepSecret([secret, '123456789']);
  const circular: Record<string, unknown> = { [secret]: secret };
  circular.self = circular;
  const fields = { plain: secret, error: new Error(`refused: ${secret}`), deep: { a: [secret, { [secret]: 1 }] }, text: JSON.stringify({ secret }) };
  log.info({ ...fields, number: 123456789, [secret]: 1, bytes: Buffer.from(secret), symbol: Symbol(secret) }, `message ${secret}`);
  for (let before = 470; before < 520; before += 1) log.warn({ long: 'x'.repeat(before) + secret, list: ['y'.repeat(before) + secret] }, 'cut');
  log.error({ circular }, 'broken');
  assert.equal(lines.length, 52);
  for (const line of lines) {
    assert.doesNotMatch(line, /line.{0,6}one|quoted|123456789/, line);
    assert.doesNotMatch(line, /one \\?"|[xy](?:l|li|lin|line)(?:…|")/, line);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
    assert.doesNotMatch(line, /[\u0000-\u001f]/);
  }
  assert.ok(lines[0]?.includes('plain="[***]"'), lines[0]);
  assert.equal(log.hide(`by another way: ${secret}`), 'by another way: [***]');
});

test('Whatever is logged, a line comes out and nothing is thrown.', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const hostile = {
    toJSON() {
      throw new Error('no');
    },
  };
  for (const value of [
    undefined,
    null,
    1n,
    Symbol('s'),
    () => {},
    circular,
    hostile,
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    ),
  ]) {
    assert.match(lineOf({ value }), /^1970-01-01T00:00:00\.000Z info {2}said/);
  }
  assert.equal(lineOf({ nothing: undefined }).includes('nothing'), false);
  for (const message of [undefined, null, 5, {}, Symbol('s'), Object.create(null), hostile]) {
    assert.match(lineOf({ a: 1 }, message as unknown as string), /^1970-01-01T00:00:00\.000Z info {2}/);
  }
  for (const fields of [undefined, null, 5, 'text']) {
    assert.match(lineOf(fields as unknown as Record<string, unknown>), /^1970-01-01T00:00:00\.000Z info {2}said/);
  }
});

test('Only lines at or above the level are written.', () => {
  const counts: Record<LogLevel, number> = { debug: 4, info: 3, warn: 2, error: 1, silent: 0 };
  for (const [level, count] of Object.entries(counts)) {
    const lines: string[] = [];
    const log = new Logger((line) => lines.push(line), level as LogLevel);
    log.debug({}, 'd');
    log.info({}, 'i');
    log.warn({}, 'w');
    log.error({}, 'e');
    assert.equal(lines.length, count, level);
    assert.deepEqual((['debug', 'info', 'warn', 'error'] as const).filter((asked) => log.enabled(asked)).length, count);
  }
});

test('The lines of a child carry its fields too.', () => {
  const lines: string[] = [];
  new Logger(
    (line) => lines.push(line),
    'info',
    { plugin: 'p' },
    () => 0,
  )
    .child({ chain: 'c' })
    .warn({ x: 1 }, 'm');
  assert.ok(lines[0]?.endsWith('warn  m plugin=p chain=c x=1'));
});

test('A level that is set later is that of all children, those that are there included.', () => {
  const lines: string[] = [];
  const log = new Logger((line) => lines.push(line), 'error');
  const child = log.child({ a: 1 });
  child.info({}, 'before');
  log.setLevel('info');
  child.info({}, 'after');
  log.child({}).info({}, 'new');
  assert.equal(lines.length, 2);
  assert.equal(child.enabled('debug'), false);
});
