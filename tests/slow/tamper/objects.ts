/** What lies in the store, under every change of its bytes: recordings' pieces, manifests and peaks are all sealed objects. */
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileKeyring, createFileKeystore, createLocalStore, createVault, NotAuthentic, ObjectMissing } from "../../../packages/server/src/vault/index.ts";
import type { Random, Tallies } from "./tally.ts";

export async function tamperObjects(count: number, honest: number, random: Random, tallies: Tallies): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "earwitness-tamper-"));
  const storeDir = join(dir, "store");
  const vault = createVault({ store: createLocalStore(storeDir), keystore: createFileKeystore(join(dir, "keystore")), keyring: createFileKeyring(join(dir, "keys")) });
  try {
    const tenantId = randomUUID();
    const key = await vault.createDataKey({ tenantId, ...(await vault.keyring.ensure(tenantId)) });
    // Of one chunk, of several, of none, of a whole number of chunks.
    const objects = await Promise.all(
      [1_575, 200_000, 0, 131_072, 37].map(async (bytes, at) => {
        const name = `${tenantId}/recording/${at}`;
        const content = random.bytes(bytes);
        await vault.putSealed(name, key, tenantId, content);
        return { name, content, path: join(storeDir, name), sealed: await readFile(join(storeDir, name)) };
      }),
    );
    type Sealed = (typeof objects)[number];
    const read = async ({ name, content }: Sealed): Promise<{ whole: boolean; error: unknown }> => {
      try {
        const found = await vault.readSealed(name, tenantId, key.keyId, 0, content.length + 1);
        return { whole: Buffer.compare(found, content) === 0, error: null };
      } catch (error) {
        return { whole: false, error };
      }
    };
    const changes: readonly ((object: Sealed) => Promise<string>)[] = [
      ...Array.from({ length: 8 }, () => async ({ path, sealed }: Sealed) => {
        const [at, bit] = [random.below(sealed.length), random.below(8)];
        const changed = Buffer.from(sealed);
        changed[at]! ^= 1 << bit;
        await writeFile(path, changed);
        return `bit ${bit} of byte ${at}`;
      }),
      async ({ path, sealed }) => {
        const left = random.below(sealed.length);
        await truncate(path, left);
        return `cut off after ${left} bytes`;
      },
      async ({ path, sealed }) => {
        const added = random.bytes(1 + random.below(70_000));
        await writeFile(path, Buffer.concat([sealed, added]));
        return `${added.length} bytes behind it`;
      },
      async (object) => {
        const other = random.pick(objects.filter((one) => one !== object));
        await writeFile(object.path, other.sealed);
        return `${other.name} in its place`;
      },
      async ({ path }) => {
        await rm(path);
        return "deleted";
      },
    ];
    for (let n = 0; n < count; n += 1) {
      const object = random.pick(objects);
      const what = await random.pick(changes)(object);
      const { whole, error } = await read(object);
      tallies.tried("a stored object", { noticed: !whole, named: (error instanceof NotAuthentic || error instanceof ObjectMissing) && error.message.includes(object.name), what: `${what}, of ${object.name}; said: ${String(error)}` });
      await writeFile(object.path, object.sealed);
    }
    for (let n = 0; n < honest; n += 1) {
      const { whole, error } = await read(random.pick(objects));
      tallies.honest("a stored object", whole ? [] : [String(error)]);
    }
  } finally {
    await vault.close();
    await rm(dir, { recursive: true });
  }
}
