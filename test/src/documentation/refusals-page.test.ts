import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DENY_WORDS, type DenyReason } from '@portcullis/sdk';
import { type Stage, VERSIONS, type Version } from '../hooks/stage.js';
import { DENIED, FAULT, openStage, SCENES } from './moments.js';
import { ROOT } from './sdk-source.js';

type Packet = 'connack' | 'suback' | 'puback' | 'disconnect';

/** `gate/codes.ts` of core; the public door does not lead there. */
interface Codes {
  refusalCode(reason: DenyReason, packet: Packet): number;
  connectReturnCode(reasonCode: number): number;
  readonly FAULT_CODE: Readonly<Record<Packet, number>>;
  readonly OVERLOAD_CODE: number;
}

const page = readFileSync(join(ROOT, 'docs', 'refusals.md'), 'utf8');

/** Rows of the table whose head begins with these cells, without head and rule. */
function table(...head: readonly string[]): readonly (readonly string[])[] {
  const lines = page.split('\n');
  const at = lines.findIndex((line) => line.startsWith(`| ${head.join(' | ')} |`));
  assert.notEqual(at, -1, `docs/refusals.md has no table with ${head.join(', ')}`);
  const rows: string[][] = [];
  for (const line of lines.slice(at + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

const hex = (code: number): string => `0x${code.toString(16).toUpperCase().padStart(2, '0')}`;

describe('the page about refusals', () => {
  let codes: Codes;

  before(async () => {
    codes = (await import(new URL('../../../core/dist/gate/codes.js', import.meta.url).href)) as Codes;
  });

  it('has the code of every word, and of a fault, in every packet', () => {
    const rows = table('reason', 'CONNACK 3.x', 'CONNACK 5.0', 'SUBACK 3.1.1', 'SUBACK 5.0', 'PUBACK, PUBREC 5.0', 'DISCONNECT 5.0');
    const row = (reason: string, code: (packet: Packet) => number, puback?: string): string[] => {
      const connack = code('connack');
      return [
        reason,
        String(codes.connectReturnCode(connack)),
        hex(connack),
        '0x80',
        hex(code('suback')),
        puback ?? hex(code('puback')),
        hex(code('disconnect')),
      ];
    };
    const fault = (packet: Packet): number => codes.FAULT_CODE[packet];
    const overload = (packet: Packet): number => (packet === 'connack' ? codes.OVERLOAD_CODE : codes.FAULT_CODE[packet]);
    assert.deepEqual(rows, [
      ...DENY_WORDS.map((word) => row(`\`${word}\``, (packet) => codes.refusalCode(word, packet))),
      row('a fault', fault, 'none is sent'),
      row('a fault from overload', overload, 'none is sent'),
    ]);
    assert.ok(page.includes(`PUBACK or PUBREC ${hex(codes.FAULT_CODE.puback)}`));
  });

  it('has the reason codes that a packet may carry', () => {
    const rows = table('packet', 'reason codes that a plugin may deny with');
    assert.equal(rows.length, 4);
    for (const [name = '', listed = ''] of rows) {
      const packet = name.split(',')[0]?.toLowerCase() as Packet;
      const legal = Array.from({ length: 0x80 }, (_, index) => 0x80 + index).filter((code) => codes.refusalCode(code, packet) === code);
      assert.equal(listed, legal.map(hex).join(' '), name);
    }
  });

  it('has the return code of 3.x for each reason code', () => {
    const [, sentence = ''] = /For 3\.x clients, ([\s\S]*?)\./.exec(page) ?? [];
    const said = new Map<number, number>();
    let numbers: number[] = [];
    for (const [, reason, code] of sentence.matchAll(/(0x[0-9A-F]{2})|\bbecomes? (\d)/g)) {
      if (reason !== undefined) numbers.push(Number(reason));
      else {
        for (const number of numbers) said.set(number, Number(code));
        numbers = [];
      }
    }
    const rest = /every other code becomes (\d)/.exec(sentence)?.[1];
    for (let code = 0x80; code <= 0xff; code += 1) assert.equal(codes.connectReturnCode(code), said.get(code) ?? Number(rest), hex(code));
  });
});

describe('the bytes on the page about refusals', () => {
  const rows = table('what is refused', 'version', 'denied with `rate`', 'fault');
  let stage: Stage;

  before(async () => {
    stage = await openStage();
  });

  after(() => stage.stop());

  it('are there for every moment, in every version', () => {
    const missing = Object.keys(SCENES).flatMap((moment) =>
      VERSIONS.filter((version) => !rows.some(([name, versions]) => name === moment && versionsOf(versions).includes(version))).map(
        (version) => `${moment} in ${version}`,
      ),
    );
    assert.deepEqual(missing, []);
  });

  for (const [moment = '', versions = '', denied = '', fault = ''] of rows) {
    // A moment that cannot be in a version: the reader is told so, and there is nothing to bring about.
    if (denied === '–' && fault === '–') continue;
    it(`are what a client sees: ${moment}, ${versions}`, async () => {
      const scene = SCENES[moment];
      assert.ok(scene !== undefined, `nobody knows how to bring about: ${moment}`);
      for (const version of versionsOf(versions)) {
        if (denied !== '–') assert.equal(await scene(stage, version, DENIED), denied, `${version}, denied`);
        if (fault !== '–') assert.equal(await scene(stage, version, FAULT), fault, `${version}, fault`);
      }
    });
  }
});

/** The versions that a cell speaks of. */
function versionsOf(cell: string | undefined): readonly Version[] {
  if (cell === 'all') return VERSIONS;
  if (cell === '3.x') return ['3.1', '3.1.1'];
  return VERSIONS.filter((version) => version === cell);
}
