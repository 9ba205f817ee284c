/** The version of this SDK, the number that a plugin's `sdk` range is held against. */
export const SDK_VERSION = '1.0.0';
