import { expect, test } from "vitest";
import { pemBlocks, readCertificate, withoutPrivateKeys } from "./certificate.ts";

/* Made with OpenSSL; their keys were never kept. */
const munich = "-----BEGIN CERTIFICATE-----\nMIIB6DCCAY2gAwIBAgIUTWz/mHb4cXSPT1RZ7gweIDYtvNIwCgYIKoZIzj0EAwIw\nSTELMAkGA1UEBhMCREUxEzARBgNVBAoMCkNvbnRvc28gQUcxJTAjBgNVBAMMHHNi\nYy1tw7xuY2hlbi5jb250b3NvLmV4YW1wbGUwHhcNMjYxMTI3MDUzMTM0WhcNMjgw\nMTAxMDUzMTM0WjBJMQswCQYDVQQGEwJERTETMBEGA1UECgwKQ29udG9zbyBBRzEl\nMCMGA1UEAwwcc2JjLW3DvG5jaGVuLmNvbnRvc28uZXhhbXBsZTBZMBMGByqGSM49\nAgEGCCqGSM49AwEHA0IABFQ8Uz3jJoQ5tGkkkUMF9fwW1j1EAPCWAWFOs1Oo1cMx\nKgRz/cIgMa00ZWqXBjqp4XQ67eJl5Zl40lPxvaVpT2ijUzBRMB0GA1UdDgQWBBQS\nBw9yl+QgBdy4LNzT4jukyHybJDAfBgNVHSMEGDAWgBQSBw9yl+QgBdy4LNzT4juk\nyHybJDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD5CkUom9U1\niDd8dspdea72WjWzT3mSHpSyJspCu+jLXgIhAI468AwmAvhku5YPBDzXVJ4s9lDb\nHgJkgLVrXYKKzcc1\n-----END CERTIFICATE-----";
const voice = "-----BEGIN CERTIFICATE-----\nMIIBiDCCAS2gAwIBAgIUAepy3NE/EoIGt5mKMRKrwHHJoCMwCgYIKoZIzj0EAwIw\nGDEWMBQGA1UECgwNQ29udG9zbyBWb2ljZTAgFw0yNjExMjcwNTMxMzRaGA8yMDYx\nMTIxMzA1MzEzNFowGDEWMBQGA1UECgwNQ29udG9zbyBWb2ljZTBZMBMGByqGSM49\nAgEGCCqGSM49AwEHA0IABIyqprGosTA5T2b0d3MDYoC1S1FTJ+ZWJz+7C5ZvjPLg\n/xkMbjaPLSJkeDx+4CScDrtUhCHEpx7/yWcfv9Ye8UajUzBRMB0GA1UdDgQWBBQj\nZ/mxgi4wAYo+cquspA0zgcMHNjAfBgNVHSMEGDAWgBQjZ/mxgi4wAYo+cquspA0z\ngcMHNjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCp4NXqEo0o\nQqrSaqPDyZbkMtYrQYhgddAEGK4DN0NfPwIhALy9fLsnic3QVnfUHc1NToZJZ9AK\nJcEa2qbAUOjmdVrm\n-----END CERTIFICATE-----";

test("a certificate says whom it names, who issued it and until when it holds", () => {
  expect(readCertificate(munich)).toEqual({ subject: "sbc-münchen.contoso.example", issuer: "sbc-münchen.contoso.example", validTo: new Date("2028-01-01T05:31:34Z") });
});

test("without a common name the organization; beyond 2049 the year has four digits", () => {
  expect(readCertificate(voice)).toMatchObject({ subject: "Contoso Voice", validTo: new Date("2061-12-13T05:31:34Z") });
});

test("what is cut, or something else, is no certificate", () => {
  const [head = "", ...lines] = munich.split("\n");
  expect(readCertificate([head, ...lines.slice(3)].join("\n"))).toBeNull();
  expect(readCertificate(munich.slice(0, 120))).toBeNull();
  expect(readCertificate("-----BEGIN CERTIFICATE-----\nü\n-----END CERTIFICATE-----")).toBeNull();
  expect(readCertificate("")).toBeNull();
});

test("a chain is pasted as one text", () => {
  const chain = `${munich}\nsome words\n${voice}`;
  expect([...chain.matchAll(pemBlocks)].map(([pem]) => readCertificate(pem)?.subject)).toEqual(["sbc-münchen.contoso.example", "Contoso Voice"]);
});

test.each(["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"])("of a pasted %s nothing is left, whole or cut, and the certificates beside it are", (kind) => {
  const key = `-----BEGIN ${kind}-----\nc2VjcmV0\n-----END ${kind}-----`;
  expect(withoutPrivateKeys(`${key}\n`)).toEqual({ rest: "\n", had: true });
  expect(withoutPrivateKeys(key.slice(0, -20))).toEqual({ rest: "", had: true });
  for (const pasted of [`${munich}\n${key}\n${voice}`, `${munich}\n${key.slice(0, -20)}${voice}`]) {
    const { rest, had } = withoutPrivateKeys(pasted);
    expect(had).toBe(true);
    expect(rest).not.toContain("c2VjcmV0");
    expect(rest.match(pemBlocks)).toEqual([munich, voice]);
  }
});

test("a certificate that is cut before a private key does not take the key into it", () => {
  const { rest } = withoutPrivateKeys(`${munich.slice(0, 90)}\n-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n${voice}`);
  expect(rest).not.toContain("c2VjcmV0");
});

test("certificates alone stay as they are", () => {
  expect(withoutPrivateKeys(`${munich}\n${voice}`)).toEqual({ rest: `${munich}\n${voice}`, had: false });
});
