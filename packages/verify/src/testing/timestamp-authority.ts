/** A timestamp authority for tests: the real `openssl ts`, with keys and certificates of our choice, and HTTP around it. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** The authority's own policy, and one more that it accepts when asked. */
export const testPolicies = ["1.2.3.4.1", "1.2.3.4.5.6"] as const;

export type KeyKind = "rsa:2048" | "rsa:3072" | "rsa:1024" | "P-256" | "P-384" | "P-521";

export interface CertificateWish {
  readonly name: string;
  readonly key?: KeyKind;
  /** Who signs it; itself where absent. */
  readonly issuer?: string;
  /** Lines of OpenSSL's extension section. */
  readonly extensions?: readonly string[];
  /** First and last day, as in 20240101000000Z. */
  readonly validity?: readonly [from: string, to: string];
  readonly pss?: boolean;
}

export interface TestAuthority {
  readonly dir: string;
  /** Makes `<name>.key` and `<name>.pem`. */
  certify(wish: CertificateWish): Promise<void>;
  /** The certificate, in DER. */
  certificate(name: string): Uint8Array;
  pem(name: string): string;
  /** Answers a request as the authority of that certificate. */
  reply(request: Uint8Array, signer: string, options?: { readonly digest?: string; readonly chain?: readonly string[]; readonly essDigest?: string }): Promise<Uint8Array>;
  /** Signs this content as CMS with a certificate that `openssl ts` would not take. */
  signContent(content: Uint8Array, signer: string, args?: readonly string[]): Promise<Uint8Array>;
  openssl(...args: readonly string[]): Promise<string>;
  remove(): void;
}

export const authorityExtensions = ["basicConstraints = critical, CA:true", "keyUsage = critical, keyCertSign, cRLSign", "subjectKeyIdentifier = hash"] as const;
export const signerExtensions = ["basicConstraints = critical, CA:false", "keyUsage = critical, digitalSignature", "extendedKeyUsage = critical, timeStamping", "subjectKeyIdentifier = hash"] as const;

export function createTestAuthority(): TestAuthority {
  const dir = mkdtempSync(join(tmpdir(), "ew-tsa-"));
  const at = (name: string): string => join(dir, name);
  let number = 0;
  const openssl = async (...args: readonly string[]): Promise<string> => (await run("openssl", [...args], { cwd: dir })).stdout;

  async function certify({ name, key = "P-256", issuer, extensions = issuer === undefined ? authorityExtensions : signerExtensions, validity = ["20200101000000Z", "20491231000000Z"], pss = false }: CertificateWish): Promise<void> {
    const [kind, bits] = key.split(":");
    await openssl("genpkey", "-algorithm", kind === "rsa" ? "RSA" : "EC", "-pkeyopt", kind === "rsa" ? `rsa_keygen_bits:${bits}` : `ec_paramgen_curve:${key}`, "-out", `${name}.key`);
    await openssl("req", "-new", "-key", `${name}.key`, "-subj", `/O=Earwitness tests/CN=${name}`, "-out", `${name}.csr`);
    writeFileSync(at("index.txt"), "");
    writeFileSync(at("ca.cnf"), `[ca]\ndefault_ca = one\n[one]\ndatabase = ${at("index.txt")}\nnew_certs_dir = ${dir}\nrand_serial = yes\ndefault_md = sha256\nunique_subject = no\npolicy = any\n[any]\norganizationName = optional\ncommonName = optional\n[wanted]\n${extensions.join("\n")}\n`);
    const by = issuer === undefined ? ["-selfsign", "-keyfile", `${name}.key`] : ["-cert", `${issuer}.pem`, "-keyfile", `${issuer}.key`];
    await openssl("ca", "-batch", "-config", "ca.cnf", "-in", `${name}.csr`, "-out", `${name}.pem`, "-notext", "-startdate", validity[0], "-enddate", validity[1], ...(extensions.length > 0 ? ["-extensions", "wanted"] : []), ...by, ...(pss ? ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] : []));
  }

  return {
    dir,
    certify,
    openssl,
    pem: (name) => readFileSync(at(`${name}.pem`), "utf8"),
    certificate: (name) => new Uint8Array(Buffer.from(readFileSync(at(`${name}.pem`), "utf8").replaceAll(/-----[^-]+-----|\s/g, ""), "base64")),
    async reply(request, signer, { digest = "sha256", chain = [], essDigest = "sha256" } = {}) {
      const id = (number += 1);
      writeFileSync(at(`${id}.tsq`), request);
      writeFileSync(at(`${id}.chain`), chain.map((name) => readFileSync(at(`${name}.pem`), "utf8")).join(""));
      writeFileSync(at(`${id}.serial`), "00");
      writeFileSync(
        at(`${id}.cnf`),
        `[tsa]\ndefault_tsa = one\n[one]\nserial = ${at(`${id}.serial`)}\ncrypto_device = builtin\nsigner_digest = ${digest}\ndefault_policy = ${testPolicies[0]}\nother_policies = ${testPolicies[1]}\ndigests = sha256, sha384, sha512\naccuracy = secs:1, millisecs:500, microsecs:100\nordering = yes\ntsa_name = yes\ness_cert_id_chain = no\ness_cert_id_alg = ${essDigest}\n`,
      );
      await openssl("ts", "-reply", "-config", `${id}.cnf`, "-queryfile", `${id}.tsq`, "-signer", `${signer}.pem`, "-inkey", `${signer}.key`, ...(chain.length > 0 ? ["-chain", `${id}.chain`] : []), "-out", `${id}.tsr`);
      return new Uint8Array(readFileSync(at(`${id}.tsr`)));
    },
    async signContent(content, signer, args = []) {
      const id = (number += 1);
      writeFileSync(at(`${id}.content`), content);
      await openssl("cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", `${id}.content`, "-signer", `${signer}.pem`, "-inkey", `${signer}.key`, "-outform", "DER", "-out", `${id}.p7`, ...args);
      return new Uint8Array(readFileSync(at(`${id}.p7`)));
    },
    remove: () => rmSync(dir, { recursive: true }),
  };
}

export interface TestAuthorityServer {
  readonly url: string;
  close(): Promise<void>;
}

/** RFC 3161 §3.4. `answer` may be swapped for one that lies. */
export async function serveAuthority(answer: (request: Uint8Array) => Promise<Uint8Array | null>): Promise<TestAuthorityServer> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const asked = request.method === "POST" && request.headers["content-type"] === "application/timestamp-query";
      void (asked ? answer(new Uint8Array(Buffer.concat(parts))) : Promise.resolve(null)).then(
        (bytes) => (bytes === null ? response.writeHead(400).end() : response.writeHead(200, { "content-type": "application/timestamp-reply" }).end(bytes)),
        () => response.writeHead(500).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
