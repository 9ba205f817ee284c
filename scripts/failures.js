// A reporter for node:test that says, once all is over, which tests failed and why: in tens of thousands of lines nobody finds them.
export default async function* failures(source) {
  const counts = { passed: 0, failed: 0 };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    if (type === 'test:pass') {
      if (data.skip === undefined && data.todo === undefined) counts.passed += 1;
      continue;
    }
    // A test that holds others fails with them; they are told.
    if (data.details?.error?.failureType === 'subtestsFailed') continue;
    counts.failed += 1;
    const cause = data.details?.error?.cause ?? data.details?.error;
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    yield `failed: ${data.name} (${data.file ?? 'no file'}, after ${Math.round(data.details?.duration_ms ?? 0)} ms)\n${indented(why)}\n`;
  }
  if (counts.failed > 0) yield `${counts.passed} passed, ${counts.failed} failed\n`;
}

function indented(text) {
  return text.split('\n', 40).join('\n  ').replace(/^/, '  ');
}
