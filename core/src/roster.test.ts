import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Roster } from './roster.js';

test('a roster holds each member once, and lets it go from any place', () => {
  const roster = new Roster<{ place: number; readonly name: string }>();
  const members = [...'abcde'].map((name) => ({ place: -1, name }));
  for (const member of [...members, ...members]) roster.add(member);
  const names = (): string =>
    roster
      .all()
      .map(({ name }) => name)
      .sort()
      .join('');
  assert.deepEqual([roster.size, names()], [5, 'abcde']);
  for (const [index, left] of [
    [1, 'acde'],
    [0, 'cde'],
    [4, 'cd'],
    [3, 'c'],
    [2, ''],
  ] as const) {
    const member = members[index] as { place: number; name: string };
    assert.deepEqual([roster.delete(member), member.place, names()], [true, -1, left]);
    assert.equal(roster.delete(member), false);
  }
});

test('a member of another roster is not let go', () => {
  const one = new Roster();
  const other = new Roster();
  const member = { place: -1 };
  one.add(member);
  assert.equal(other.delete(member), false);
  assert.equal(one.size, 1);
});

test('members may go while the others are walked', () => {
  const roster = new Roster();
  const members = Array.from({ length: 5 }, () => ({ place: -1 }));
  for (const member of members) roster.add(member);
  for (const member of roster.all()) roster.delete(member);
  assert.equal(roster.size, 0);
});
