#!/usr/bin/env node
import '../dist/tool/cli.js';
