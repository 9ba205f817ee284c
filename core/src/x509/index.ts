export { type AlternativeKind, type AlternativeName, type CertificateParts, certificateBlocks, readCertificate } from './certificate.js';
export { DerError } from './der.js';
export { attributeName, type DistinguishedName, rfc2253 } from './names.js';
export {
  type AuthorityId,
  authorityId,
  type CertificateId,
  type CertificateStanding,
  certificateId,
  isValid,
  Revocation,
  type RevocationListInfo,
} from './revocation.js';
export { CERTIFICATE_KINDS, type CertificateKind, isAboutKind, isSignedBy, type RevocationList, readRevocationList } from './revocation-list.js';
export { isPlain, textOf } from './text.js';
