export * from './command-line.js';
export * from './new-password.js';
export * from './terminal.js';
export * from './tool-error.js';
