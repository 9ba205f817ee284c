import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_MARK } from '../store/index.js';
import { REMOVED, slowCustody } from '../store/store.test.support.js';
import { Acknowledgements } from './acknowledgements.js';
import { FakeTransport } from './connection.test.support.js';
import { Flusher, OutBuffer } from './out-buffer.js';

function scene() {
  const stores = slowCustody();
  const transport = new FakeTransport();
  const flusher = new Flusher();
  const out = new OutBuffer(transport, flusher, () => {});
  let progress = 0;
  const acknowledgements = new Acknowledgements(out, stores.custody, () => {
    progress += 1;
  });
  const change = () => {
    stores.custody.begin();
    stores.custody.session(REMOVED);
    const mark = stores.custody.end();
    assert.ok(mark !== null);
    return mark;
  };
  const sent = (): string => {
    flusher.flush();
    return transport.bytes.toString();
  };
  return { ...stores, acknowledgements, change, sent, progress: () => progress };
}

test('What waits for nothing leaves at once.', () => {
  const { acknowledgements, sent } = scene();
  let left = 0;
  acknowledgements.send(NO_MARK, Buffer.from('a'), () => {
    left += 1;
  });
  assert.deepEqual([sent(), left, acknowledgements.waiting], ['a', 1, 0]);
});

test('What waits for the store leaves when its change is safe, and not before.', () => {
  const { acknowledgements, change, sent, sessions, progress } = scene();
  let left = 0;
  acknowledgements.send(change(), Buffer.from('a'), () => {
    left += 1;
  });
  assert.deepEqual([sent(), left, acknowledgements.waiting], ['', 0, 1]);
  sessions.settle();
  assert.deepEqual([sent(), left, acknowledgements.waiting, progress()], ['a', 1, 0, 1]);
});

test('Acknowledgements leave in their order: one that waits holds back those behind it, also those that wait for nothing.', () => {
  const { acknowledgements, change, sent, sessions } = scene();
  const first = change();
  const second = change();
  acknowledgements.send(first, Buffer.from('1'));
  acknowledgements.send(NO_MARK, Buffer.from('2'));
  acknowledgements.send(second, Buffer.from('3'));
  acknowledgements.send(NO_MARK, Buffer.from('4'));
  sessions.settle(1);
  assert.equal(sent(), '12');
  sessions.settle(2);
  assert.equal(sent(), '1234');
});

test('One that is given while others leave goes behind them.', () => {
  const { acknowledgements, change, sent, sessions } = scene();
  const mark = change();
  acknowledgements.send(mark, Buffer.from('1'), () => acknowledgements.send(NO_MARK, Buffer.from('3')));
  acknowledgements.send(mark, Buffer.from('2'));
  sessions.settle();
  assert.equal(sent(), '123');
});

test('A store that fails lets nothing leave, and says that nothing will.', () => {
  const { acknowledgements, change, sent, sessions, progress } = scene();
  acknowledgements.send(change(), Buffer.from('1'));
  sessions.fail();
  assert.deepEqual([sent(), acknowledgements.waiting, progress()], ['', 1, 1]);
});

test('After the end of the connection nothing leaves any more.', () => {
  const { acknowledgements, change, sent, sessions, progress } = scene();
  acknowledgements.send(change(), Buffer.from('1'));
  acknowledgements.stop();
  sessions.settle();
  assert.deepEqual([sent(), progress()], ['', 0]);
});
