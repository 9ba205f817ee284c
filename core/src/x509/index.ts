export { type AlternativeKind, type AlternativeName, type CertificateParts, readCertificate } from './certificate.js';
export { DerError } from './der.js';
export { attributeName, type DistinguishedName, rfc2253 } from './names.js';
export { isPlain, textOf } from './text.js';
