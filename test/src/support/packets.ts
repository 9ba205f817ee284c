export * from '@portcullis/testing/packets';
