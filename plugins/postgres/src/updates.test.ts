import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceVersions } from '@portcullis/sdk';
import type { Change } from './changes.js';
import { Updates } from './updates.js';

function rig(): { steps: string[]; take(changes: readonly Change[]): void } {
  const steps: string[] = [];
  const versions = new SourceVersions();
  versions.observe('e', 1);
  const updates = new Updates({
    directory: {
      userChanged: (tenant, name) => void steps.push(`forget ${tenant}/${name}`),
      groupChanged: (tenant, group) => void steps.push(`group ${tenant}/${group}`),
      tenantChanged: (tenant) => void steps.push(`forget all of ${tenant}`),
      allChanged: () => void steps.push('forget all'),
    },
    vouched: {
      changed: (tenant, name) => void steps.push(`judge ${tenant}/${name}`),
      tenantChanged: async (tenant) => void steps.push(`judge all of ${tenant}`),
      allChanged: async () => void steps.push('judge all'),
    },
    policy: {
      invalidate: (selector, version) =>
        void steps.push(
          `ask ${selector === 'all' ? 'all' : `${selector.tenant}/${selector.username ?? 'all'}`} ${version === undefined ? 'any' : version === versions.announced(1)}`,
        ),
    },
    versions,
  });
  return { steps, take: (changes) => updates.take(changes) };
}

test('everything that has changed is forgotten before anything is asked anew', () => {
  const { steps, take } = rig();
  take([
    { kind: 'user', tenant: null, name: 'a' },
    { kind: 'group', tenant: 't', name: 'g' },
    { kind: 'user', tenant: 't', name: 'b' },
    { kind: 'everybody', tenant: null },
  ]);
  assert.deepEqual(steps, [
    'forget null/a',
    'forget t/b',
    'group t/g',
    'group null/null',
    'ask null/a true',
    'ask t/b true',
    'judge null/a',
    'judge t/b',
  ]);
});

test('very many users are asked about at once, and each is judged', () => {
  const { steps, take } = rig();
  take(Array.from({ length: 201 }, (_, i) => ({ kind: 'user', tenant: null, name: `u${i}` })));
  assert.deepEqual(
    steps.filter((step) => step.startsWith('ask')),
    // What is known of all others is older than this version.
    ['ask all any'],
  );
  assert.equal(steps.filter((step) => step.startsWith('judge')).length, 201);
});

test('when all may have changed, nothing else matters', () => {
  const { steps, take } = rig();
  take([{ kind: 'user', tenant: null, name: 'a' }, { kind: 'all' }]);
  assert.deepEqual(steps, ['forget all', 'ask all true', 'judge all']);
});

test('when a tenant may have changed, all that is in it is forgotten, asked anew and judged, once; from very many tenants on all are', () => {
  const { steps, take } = rig();
  const acme = { kind: 'tenant', tenant: 'acme' } as const;
  take([{ kind: 'user', tenant: null, name: 'a' }, acme, acme]);
  assert.deepEqual(steps, ['forget all of acme', 'forget null/a', 'ask acme/all true', 'ask null/a true', 'judge all of acme', 'judge null/a']);
  steps.length = 0;
  take(Array.from({ length: 101 }, (_, i) => ({ kind: 'tenant', tenant: `t${i}` })));
  assert.deepEqual(steps, ['forget all', 'ask all true', 'judge all']);
});
