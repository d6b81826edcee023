import { formatTimestampRequest, Malformed, readTimestampResponse, readTimestampUnsafe } from "@earwitness/verify";
import { demand, demandInside, demandSameAnywhere, harness, refused, taken } from "../harness.ts";
import type { Verdict } from "../harness.ts";

/** The answer of `openssl ts` to a request for the digest of nothing, on P-256, with its certificate. */
const response = new Uint8Array(
  Buffer.from(
    "MIIEDjADAgEAMIIEBQYJKoZIhvcNAQcCoIID9jCCA/ICAQMxDzANBglghkgBZQMEAgEFADCBqgYLKoZIhvcNAQkQAQSggZoEgZcwgZQCAQEGBCoDBAEwMTANBglghkgBZQMEAgEFAAQg47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUCAQEYDzIwMjYxMTI3MDkwNzIwWjAKAgEBgAIB9IEBZAEB/wIBB6AwpC4wLDEZMBcGA1UECgwQRWFyd2l0bmVzcyB0ZXN0czEPMA0GA1UEAwwGU2lnbmVyoIIB0zCCAc8wggF2oAMCAQICFDzPIn68KFk2D33WZUFbbcqZ2pUcMAoGCCqGSM49BAMCMCoxGTAXBgNVBAoMEEVhcndpdG5lc3MgdGVzdHMxDTALBgNVBAMMBFJvb3QwHhcNMjAwMTAxMDAwMDAwWhcNNDkxMjMxMDAwMDAwWjAsMRkwFwYDVQQKDBBFYXJ3aXRuZXNzIHRlc3RzMQ8wDQYDVQQDDAZTaWduZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ7CRry/BFGyEE77jEYy4G6FDpY3LIEjt4Yyn2o45bX456ZHwjKE+uk1npOBQe+ghow/dIlYC+iHra1XLTL2ipXo3gwdjAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDAWBgNVHSUBAf8EDDAKBggrBgEFBQcDCDAdBgNVHQ4EFgQUly/xfgXLpqPSm0AYSC4QlIPzpUwwHwYDVR0jBBgwFoAUQ36fZijNr+9+bnUCMHx2WiPLIEcwCgYIKoZIzj0EAwIDRwAwRAIgOyzBleHmNUDt+udA58eQEt8bwP+vNwiYdJGc0v4lOyQCIASUE526FDmJG8z7st2NUHQ7H+dJuyD90ZG4HKsFGKuJMYIBVjCCAVICAQEwQjAqMRkwFwYDVQQKDBBFYXJ3aXRuZXNzIHRlc3RzMQ0wCwYDVQQDDARSb290AhQ8zyJ+vChZNg991mVBW23KmdqVHDANBglghkgBZQMEAgEFAKCBpDAaBgkqhkiG9w0BCQMxDQYLKoZIhvcNAQkQAQQwHAYJKoZIhvcNAQkFMQ8XDTI2MTEyNzA5MDcyMFowLwYJKoZIhvcNAQkEMSIEIFSzjgXWPmzn+VuFztwfbVwqR7/DRbEC9fZlWGuKpGZCMDcGCyqGSIb3DQEJEAIvMSgwJjAkMCIEIPr6c4PcsRV63z6x7+osa8I870VawggkXJUORNM0UbZVMAoGCCqGSM49BAMCBEcwRQIhAJWmrcxbCUYJn2JSljlKTw5YZX53wvhM+yQMgQbpMAD+AiBEWM1IPPv1fC/l5IvOfM0w0/nGzoYvVuLR8sI2Yq8HAg==",
    "base64",
  ),
);
const token = readTimestampResponse(response);

const orNull = <T>(read: () => T): T | null => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    demand(error.message.length < 400, "a refusal gives a short reason");
    return null;
  }
};

/** An authority's answer, and a token as it comes in a bundle: DER, CMS and X.509 by whoever sent it. */
function run(input: Uint8Array): Verdict {
  const answered = orNull(() => readTimestampResponse(input));
  if (answered !== null) demandInside(answered, input);
  const read = orNull(() => readTimestampUnsafe(answered ?? input));
  if (read === null) return "refused";
  demandInside(read.digest, input);
  demand(Number.isSafeInteger(read.atMs) && /^(?:[0-9a-f]{2})+$/.test(read.serial), "a time is a time and a number is a number");
  demand(orNull(() => formatTimestampRequest({ digest: read.digest.slice(0, 64), nonce: Uint8Array.of(1) })) !== null, "what was read can be asked for");
  demandSameAnywhere(answered ?? input, (bytes) => orNull(() => readTimestampUnsafe(bytes)));
  return "taken";
}

export const timestamp = harness({
  name: "timestamp",
  run,
  maxBytes: 80 * 1024,
  words: ["\x30\x80", "\x30\x84\xff\xff\xff\xff", "\x30\x82", "\x02\x01", "\x04\x20", "\x06\x0b*\x86H\x86\xf7", "20261127090000Z", "\x17\r261127090000Z", "\xa0\x80", "\x31\x00", "\x05\x00", "\x01\x01\xff"],
  covers: ["/packages/verify/src/"],
  seeds: [
    taken("an answer of openssl ts", response),
    taken("its token alone", token),
    refused("cut short", token.slice(0, -1)),
    refused("with a byte more", Uint8Array.of(...token, 0)),
    refused("refused by the authority", Uint8Array.of(0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02)),
    refused("too long", new Uint8Array(65_537)),
    refused("nothing", new Uint8Array(0)),
  ],
});
