import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hooksPage } from './hooks-page.js';
import { hookTable } from './host-table.js';
import { ROOT } from './sdk-source.js';

// `npm run docs:hooks`: writes docs/hooks.md anew from the docstrings of the SDK.
writeFileSync(join(ROOT, 'docs', 'hooks.md'), hooksPage(await hookTable()));
