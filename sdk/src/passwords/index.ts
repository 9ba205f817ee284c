export { Decoys } from './decoys.js';
export { isPasswordHash, type PasswordHashFormat, passwordHashFormat } from './formats.js';
export { decoyHash, type HashOptions, hashPassword } from './hash-password.js';
export { type Keyboard, PipedSecrets, readHidden } from './secret-input.js';
export { type VerifyOptions, verifyPassword } from './verify-password.js';
