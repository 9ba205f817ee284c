#!/usr/bin/env node
import '../dist/cli/young-generation.js';
import '../dist/cli/main.js';
