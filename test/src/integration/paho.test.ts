import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { debianTools, runTool, WITHOUT_DEBIAN } from '../support/debian-tools.js';

// One process for all cases: starting Python takes longer than all of them together. Works with paho-mqtt 1 and 2.
const SCRIPT = `
import json, queue, sys
import paho.mqtt.client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes

port, path = int(sys.argv[1]), sys.argv[2]
VERSIONS = {'3.1': paho.MQTTv31, '3.1.1': paho.MQTTv311, '5.0': paho.MQTTv5}
report = {}

def client(version, transport, name, password='secret', clean=True):
    options = {'client_id': name, 'protocol': VERSIONS[version], 'transport': transport}
    if version != '5.0': options['clean_session'] = clean
    if hasattr(paho, 'CallbackAPIVersion'): options['callback_api_version'] = paho.CallbackAPIVersion.VERSION1
    c = paho.Client(**options)
    if transport == 'websockets': c.ws_set_options(path=path)
    c.username_pw_set('alice', password)
    c.connected, c.subscribed, c.messages, c.published = queue.Queue(), queue.Queue(), queue.Queue(), queue.Queue()
    c.on_connect = lambda c, u, flags, rc, *p: c.connected.put((str(rc), flags.get('session present')))
    c.on_subscribe = lambda c, u, mid, codes, *p: c.subscribed.put([int(getattr(code, 'value', code)) for code in codes])
    c.on_message = lambda c, u, m: c.messages.put([m.topic, m.payload.decode(), m.qos, int(m.retain)])
    c.on_publish = lambda c, u, mid, *p: c.published.put(mid)
    return c

def connect(c, version, clean=True, expiry=0):
    more = {}
    if version == '5.0':
        more['clean_start'] = clean
        if expiry:
            more['properties'] = Properties(PacketTypes.CONNECT)
            more['properties'].SessionExpiryInterval = expiry
    c.connect('127.0.0.1', port, 30, **more)
    c.loop_start()
    return c.connected.get(timeout=5)

def end(c):
    c.disconnect()
    c.loop_stop()

def exchange(version, transport, qos):
    topic = 't/%s/%s/%d' % (version, transport, qos)
    c = client(version, transport, 'paho-%s-%d' % (version, qos))
    rc, _ = connect(c, version)
    c.subscribe(topic, qos)
    granted = c.subscribed.get(timeout=5)
    c.publish(topic, 'hello', qos)
    live = c.messages.get(timeout=5)
    c.publish(topic, 'kept', qos, retain=True)
    c.messages.get(timeout=5)
    c.subscribe(topic, qos)
    retained = c.messages.get(timeout=5)
    end(c)
    return {'rc': rc, 'granted': granted, 'live': live, 'retained': retained}

def session(version, transport):
    name, topic = 'paho-s-%s' % version, 't/session/%s/%s' % (version, transport)
    c = client(version, transport, name, clean=False)
    connect(c, version, True if version == '5.0' else False, 600)
    c.subscribe(topic, 2)
    c.subscribed.get(timeout=5)
    end(c)
    other = client(version, transport, name + '-x')
    connect(other, version)
    for n in range(5):
        other.publish(topic, str(n), 2).wait_for_publish()
    end(other)
    c = client(version, transport, name, clean=False)
    rc, present = connect(c, version, False, 600)
    texts = [c.messages.get(timeout=5)[1] for n in range(5)]
    end(c)
    return {'present': present, 'texts': texts}

def refused(version, transport):
    c = client(version, transport, 'paho-r', password='wrong')
    rc, _ = connect(c, version)
    c.loop_stop()
    return rc if version == '5.0' else paho.connack_string(int(rc))

transport = sys.argv[3]
for version in VERSIONS:
    report[version] = {
        'qos': [exchange(version, transport, qos) for qos in (0, 1, 2)],
        'session': session(version, transport),
        'refused': refused(version, transport),
    }
print(json.dumps(report))
`;

interface Exchange {
  readonly rc: string;
  readonly granted: number[];
  readonly live: unknown[];
  readonly retained: unknown[];
}

interface Report {
  readonly qos: Exchange[];
  readonly session: { readonly present: number; readonly texts: string[] };
  readonly refused: string;
}

describe('paho-mqtt for Python', { skip: WITHOUT_DEBIAN }, () => {
  let broker: BrokerProcess;

  before(async () => {
    broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
  });

  after(async () => assert.equal(await broker.stop(), 0));

  for (const [transport, listener] of [
    ['tcp', 'local'],
    ['websockets', 'web'],
  ] as const) {
    it(`exchanges messages, finds its session and hears why it is refused, over ${transport}`, async () => {
      const { pathname, port } = new URL(broker.url(listener));
      const { code, stdout, stderr } = await runTool(debianTools().python, ['-c', SCRIPT, port, pathname, transport], { timeoutMs: 60_000 });
      assert.equal(code, 0, stderr);
      const report = JSON.parse(stdout) as Record<string, Report>;
      assert.deepEqual(Object.keys(report), ['3.1', '3.1.1', '5.0']);
      for (const [version, { qos, session, refused }] of Object.entries(report)) {
        qos.forEach((exchange, level) => {
          const topic = `t/${version}/${transport}/${level}`;
          assert.match(exchange.rc, /^(?:0|Success)$/);
          assert.deepEqual(exchange.granted, [level]);
          assert.deepEqual(exchange.live, [topic, 'hello', level, false].map(pythonBoolean));
          assert.deepEqual(exchange.retained, [topic, 'kept', level, true].map(pythonBoolean));
        });
        assert.deepEqual(session.texts, ['0', '1', '2', '3', '4'], version);
        // MQTT 3.1 has no flag for it.
        if (version !== '3.1') assert.equal(Number(session.present), 1, version);
        assert.match(refused, /bad user ?name or password/i, version);
      }
    });
  }
});

/** The script gives retain as a number, whatever the version of paho-mqtt. */
function pythonBoolean(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
