import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeDisconnect } from './encode.js';
import { publishLength, writePublish } from './encode-publish.js';
import { forwardableProperties } from './forwardable-properties.js';
import { Frame, readFrame } from './frame.js';
import { decode, packet, publish } from './hex.test.support.js';
import { MAX_PACKET_BYTES, type ProtocolVersion, type Qos } from './packet-types.js';
import { decodePublishProperties, encodePublishProperties, publishPropertiesFault } from './publish-properties.js';
import { topicFilterFault, topicNameFault } from './topic-syntax.js';
import { decodeUtf8, isValidUtf8 } from './utf8.js';
import { MAX_VARINT, readVarint, varintLength, writeVarint } from './varint.js';

const wildText = fc.string({ unit: fc.constantFrom('a', '/', '+', '#', '$', '\0', '\ud800', '\u00e9', '\u{1f600}', '\ufeff'), maxLength: 12 });
const wellFormed = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\0', '') || 'x');

test('any bytes are judged as Node judges them, but for U+0000', () => {
  const nearly = fc.array(fc.constantFrom(0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0), { maxLength: 8 });
  fc.assert(
    fc.property(nearly, (values) => {
      const bytes = Buffer.from(values);
      const expected = isUtf8(bytes) && !bytes.includes(0);
      assert.equal(isValidUtf8(bytes, 0, bytes.length), expected);
      assert.equal(decodeUtf8(bytes, 0, bytes.length), expected ? bytes.toString() : null);
    }),
    { numRuns: 2_000 },
  );
});

test('every variable byte integer comes back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_VARINT }), (value) => {
      const bytes = Buffer.alloc(4);
      const end = writeVarint(bytes, 0, value);
      assert.equal(end, varintLength(value));
      assert.equal(readVarint(bytes, 0, end), value);
    }),
  );
});

test('a filter is refused exactly when a plain reading of the specification refuses it', () => {
  const isFilter = (filter: string): boolean =>
    filter !== '' &&
    filter.split('/').every((level, i, levels) => level === '+' || (level === '#' && i === levels.length - 1) || !/[+#]/.test(level));
  const isAllowed = (filter: string): boolean => {
    if (!filter.startsWith('$share/')) return isFilter(filter);
    const [, name = '', ...rest] = filter.split('/');
    return name !== '' && !/[+#]/.test(name) && rest.length > 0 && isFilter(rest.join('/'));
  };
  const level = fc.constantFrom('', 'a', '+', '#', 'a+', '#b', '$share', '$SYS', '\u00e9');
  const filters = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
  fc.assert(
    fc.property(fc.boolean(), filters, (shared, plain) => {
      const filter = shared ? `$share/${plain}` : plain;
      const bytes = Buffer.from(filter);
      assert.equal(topicFilterFault(bytes, 0, bytes.length, 128), isAllowed(filter) ? 0 : 0x8f, filter);
      const name = Buffer.from(plain);
      assert.equal(topicNameFault(name, 0, name.length, 128), plain === '' || /[+#]/.test(plain) ? 0x90 : 0, plain);
    }),
    { numRuns: 2_000 },
  );
});

test('properties and message written for 5.0 are read back, and forwarded byte for byte', () => {
  const properties = fc.record(
    {
      payloadFormat: fc.constantFrom<0 | 1>(0, 1),
      contentType: wellFormed,
      responseTopic: wellFormed.map((text) => text.replaceAll(/[+#]/g, '-')),
      correlationData: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      userProperties: fc.array(fc.tuple(wellFormed, wellFormed), { minLength: 1, maxLength: 8 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(properties, fc.constantFrom<Qos>(0, 1, 2), fc.nat(4_294_967_295), (p, qos, expiry) => {
      assert.equal(publishPropertiesFault(p), null);
      const list = encodePublishProperties(p);
      assert.deepEqual(decodePublishProperties(list), p);
      const out = {
        topic: Buffer.from('a/b'),
        payload: Buffer.from('payload'),
        qos,
        retain: true,
        dup: false,
        packetId: 9,
        properties: list,
        messageExpirySeconds: expiry,
        subscriptionIds: null,
      };
      const bytes = Buffer.alloc(publishLength(5, out));
      writePublish(bytes, 0, 5, out);
      const read = publish(bytes, 5);
      assert.deepEqual([read.fault, read.topic, read.payload, read.view.messageExpirySeconds], [0, 'a/b', 'payload', expiry]);
      const received = Buffer.from(read.properties, 'hex');
      assert.deepEqual(forwardableProperties(received, 0, received.length), list);
    }),
  );
});

test('whatever text a plugin gives, what is written is legal', () => {
  fc.assert(
    fc.property(wildText, wildText, (name, value) => {
      const list = encodePublishProperties({ contentType: value, userProperties: [[name, value]] });
      const read = publish(packet(0x30, Buffer.concat([Buffer.from([0, 1, 0x74, list.length]), list])), 5);
      assert.equal(read.fault, 0);
      const isFit = publishPropertiesFault({ contentType: value, userProperties: [[name, value]] }) === null;
      const back = decodePublishProperties(list);
      assert.equal(back.contentType === value && back.userProperties?.[0]?.[0] === name, isFit);
      assert.equal(decode(encodeDisconnect(0x04, { reasonString: value }), 5).type, 14);
    }),
  );
});

test('any cut of any stream of packets gives the same frames', () => {
  const body = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(fc.array(body, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(2_000), { maxLength: 12 }), (bodies, cuts) => {
      const stream = Buffer.concat(bodies.map((bytes) => packet(0x30, Buffer.from(bytes))));
      const frame = new Frame();
      const found: string[] = [];
      let at = 0;
      for (const available of [...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b), stream.length]) {
        for (let length = 1; length > 0; ) {
          length = readFrame(stream, at, available, MAX_PACKET_BYTES, frame);
          assert.ok(length >= 0);
          if (length > 0) found.push(stream.toString('hex', frame.bodyStart, frame.end));
          at += length;
        }
      }
      assert.deepEqual(
        found,
        bodies.map((bytes) => Buffer.from(bytes).toString('hex')),
      );
    }),
  );
});

const versions: readonly ProtocolVersion[] = [3, 4, 5];

test('any bytes at all behind any first byte are decoded or refused', () => {
  fc.assert(
    fc.property(fc.nat(255), fc.uint8Array({ maxLength: 64 }), (first, body) => {
      for (const version of versions) {
        const bytes = packet(first, Buffer.from(body));
        if (first >> 4 === 3) assert.ok(publish(bytes, version).fault >= 0);
        else assert.ok(decode(bytes, version).type >= 0);
      }
    }),
    { numRuns: 500 },
  );
});
