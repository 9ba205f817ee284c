import type { ClientCertificate, SubjectFields } from '@portcullis/sdk';

const NO_FIELDS: SubjectFields = { CN: [], OU: [], O: [], C: [], ST: [], L: [], DC: [], UID: [], serialNumber: [], emailAddress: [] };

/** A certificate of which only this is known. */
export function certificateWith(given: { readonly commonName?: string; readonly fields?: Partial<SubjectFields> }): ClientCertificate {
  return {
    commonName: given.commonName ?? null,
    fields: { ...NO_FIELDS, ...given.fields },
    names: { uri: [], dns: [], email: [], ip: [] },
    subject: '',
    distinguishedName: '',
    issuer: '',
    serialNumber: '',
    subjectAlternativeNames: [],
    fingerprint256: '',
    validFrom: 0,
    validTo: 0,
  };
}
