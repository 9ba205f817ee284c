// Runs built test files in this one process: `node run-files.js file…`. A start of Node for each would cost more than the tests.
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';

// The same cases for every mutant: whether one is noticed must not be luck.
fc.configureGlobal({ seed: 20_261_125 });
for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href);
