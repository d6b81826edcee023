import { createHash } from "node:crypto";
import { createRecordedSound } from "../packages/media/src/recorded-sound.ts";
import { sha256Here, verifyBundle, type Sha256 } from "../packages/verify/src/index.ts";
import { asFiles, nodeSha256, sampleBundle } from "../packages/verify/src/testing/sample-bundle.ts";

/* What it costs to check an evidence bundle, beside hashing the same bytes once: ten minutes of two speakers, aim 100 MB/s on one core. */

const bundle = await sampleBundle({ seconds: 600, tracks: 2, data: "beside", otherRows: 1_000 });
const files = asFiles(bundle.files);
const megabytes = [...bundle.files.values()].reduce((sum, bytes) => sum + bytes.length, 0) / 1e6;
const rounds = 5;

const ways: Readonly<Record<string, () => Promise<void>>> = {
  "SHA-256 of every file, once (OpenSSL)": async () => {
    for (const file of files.values()) {
      const hash = createHash("sha256");
      for await (const bytes of file.open()) hash.update(bytes);
      hash.digest();
    }
  },
  "earwitness verify, audio not decoded": () => check(nodeSha256, false),
  "earwitness verify, audio decoded and compared": () => check(nodeSha256, true),
  "SHA-256 of every file, once (browsers)": async () => {
    for (const file of files.values()) {
      const hash = sha256Here.begin();
      for await (const bytes of file.open()) hash.update(bytes);
      hash.digest();
    }
  },
  "the same checks with the browsers' SHA-256": () => check(sha256Here, true),
};

async function check(sha256: Sha256, decode: boolean): Promise<void> {
  const { holds } = await verifyBundle(files, { sha256, key: bundle.signer.key, witnesses: [], sound: decode ? createRecordedSound(null) : null, timestamp: null });
  if (!holds) throw new Error("the bundle does not hold");
}

const times = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
for (let round = -1; round < rounds; round += 1) {
  for (const [name, work] of Object.entries(ways)) {
    const from = performance.now();
    await work();
    if (round >= 0) times.get(name)!.push(performance.now() - from); // the first round warms up
  }
}
console.log(`\nChecking an evidence bundle of ${megabytes.toFixed(0)} MB`);
const median = (name: string): number => times.get(name)!.toSorted((a, b) => a - b)[rounds >> 1]!;
for (const name of Object.keys(ways)) console.log(`  ${name.padEnd(52)} ${(megabytes / (median(name) / 1000)).toFixed(0).padStart(6)} MB/s   ×${(median(name) / median(Object.keys(ways)[0]!)).toFixed(2)} of the time`);
