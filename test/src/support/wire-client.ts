export { fromHex, toHex, WireClient } from '@portcullis/testing';
