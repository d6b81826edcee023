/** No file in the store that nobody knows: every one belongs to a recording that names it, or is told. */
import { withTenant } from "#db";
import { isId, mintedAt } from "#ids";
import { objectPrefix } from "#recorder";
import { finder, type CheckedTenant, type Checking, type Portion } from "./checking.ts";
import type { Finding } from "./finding.ts";
import { readFileName } from "./own-object-name.ts";

interface StoredFile {
  readonly name: string;
  readonly storedAt: Date;
}

/** `from`: name of the last file that was looked at. Files of one recording lie together and are looked at together. */
export async function* storeAgainstRows(checking: Checking, tenant: CheckedTenant, from: string): AsyncGenerator<Portion<string>> {
  const { db, vault, clock, youngMs, twice } = checking;
  const { tenantId } = tenant;
  const finding = finder("media", tenant);
  const { count: of } = await withTenant(db, tenantId, (tx) => tx.selectFrom("media_objects").select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow());
  let done = 0;
  let young = 0;

  async function* folders(): AsyncGenerator<StoredFile[]> {
    let folder: StoredFile[] = [];
    for await (const file of vault.store.list(tenantId, from)) {
      if (folder.length > 0 && folderOf(folder[0]!.name) !== folderOf(file.name)) {
        yield folder;
        folder = [];
      }
      folder.push(file);
    }
    if (folder.length > 0) yield folder;
  }

  let last = from;
  for await (const files of folders()) {
    const isYoung = ({ storedAt }: StoredFile): boolean => clock.now().getTime() - storedAt.getTime() < youngMs;
    const old = files.filter((file) => !isYoung(file));
    const { findings } = await twice(async () => ({ findings: await look(old) }));
    young += files.length - old.length;
    done += files.length;
    last = files.at(-1)!.name;
    yield { cursor: last, findings, done, of: Math.max(of, done) };
  }
  yield { cursor: last, findings: young === 0 ? [] : [finding("OBJECTS_YOUNG", "store", `${young} ${young === 1 ? "file" : "files"} of the last ${Math.round(youngMs / 60_000)} minutes.`)], done, of: Math.max(of, done) };

  async function look(files: readonly StoredFile[]): Promise<Finding[]> {
    const [first] = files;
    if (first === undefined) return [];
    const recordingId = folderOf(first.name).split("/").at(-1)!;
    if (!isId(recordingId) || objectPrefix(tenantId, recordingId) !== folderOf(first.name)) return files.map(({ name }) => finding("OBJECT_EXTRA", name, "It lies where no recording has its folder."));
    const known = await withTenant(db, tenantId, async (tx) => {
      const at = mintedAt(recordingId);
      const media = await tx.selectFrom("media").select("state").where("minted_at", "=", at).where("media_id", "=", recordingId).executeTakeFirst();
      const objects = await tx.selectFrom("media_objects").select("object_name").where("minted_at", "=", at).where("media_id", "=", recordingId).execute();
      return media === undefined ? null : { state: media.state, names: new Set(objects.map(({ object_name }) => object_name)) };
    });
    if (known === null) return [finding("RECORDING_UNKNOWN", `recording ${recordingId}`, `The store holds ${files.length} ${files.length === 1 ? "file" : "files"} of it, and the database knows no such recording.`)];
    // What runs is stored before it is named.
    if (known.state === "recording" || known.state === "finalizing") return [];
    const unnamed = files.filter(({ name }) => !known.names.has(name));
    return unnamed.map(({ name }) => (readFileName(name.split("/").at(-1)!) !== null ? finding("OBJECT_LEFT_OVER", name, "The recording does not name it.") : finding("OBJECT_EXTRA", name, "It lies in a recording's folder, and is named as Earwitness names nothing.")));
  }
}

const folderOf = (name: string): string => name.slice(0, name.lastIndexOf("/"));
