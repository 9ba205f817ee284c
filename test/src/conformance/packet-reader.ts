export { type ReadPacket, type ReadProperty, readPacket as readPacketText } from '@portcullis/testing';
