import { actions, allActions, items, machineActions } from "@earwitness/contract";
import { describe, expect, test } from "vitest";
import { describeEntry, type Described } from "./describe-entry.ts";

const entry = (action: string, item: string, more: Partial<Described> = {}): Described => ({ action, item, actorName: "Megan Bowen", subject: null, detail: {}, ...more });
const say = (action: string, item: string, more: Partial<Described> = {}) => describeEntry(entry(action, item, more));
const call = { subject: "64b0c1d2a1b2c3d4e5f60718", detail: { name: "Adele Vance", startedAt: "2026-11-20T10:00:00.250Z" } };

describe("the description of an entry", () => {
  test.for(allActions)("MON-26 %s of any item names who and what, and has no hole", (action) => {
    const known: Partial<Described>[] = [
      {},
      { subject: "the-thing" },
      { subject: "the-thing", detail: { name: "The Thing", why: "no_access", change: { a: { from: 1, to: 2 } }, filter: { q: "x" }, stream: "closed", durationMs: 1_000, track: 1, reasons: [] } },
    ];
    const isOfNoThing = ["Login", "Login Failed", "Logout", "Access", "Search", "Import", "Export", "Monitor"].includes(action);
    for (const [item, more] of items.flatMap((one) => known.map((two) => [one, two] as const))) {
      const said = say(action, item, more);
      // A key is who tried, and what was tried.
      if (action !== "Login Failed" || item !== "API Key") expect(said).toContain("Megan Bowen");
      expect(said).not.toMatch(/undefined|null|NaN|\[object|: $| {2}/);
      if (!isOfNoThing && more.subject !== undefined) expect(said).toMatch(/the-thing|The Thing/);
    }
  });

  test.for<[string, string]>([
    [say("Login", "Session"), "Megan Bowen logged into the system"],
    [say("Logout", "Session"), "Megan Bowen logged out of the system"],
    [say("Login Failed", "Session", { detail: { why: "no_access" } }), "Megan Bowen was not let in: neither a role nor an access profile lets them in"],
    [say("Login Failed", "API Key", { detail: { name: "Reports", why: "revoked" } }), "API Key Reports was refused: revoked"],
    [say("Access", "Interactions"), "Megan Bowen accessed Interactions"],
    [say("Access", "Directory"), "Megan Bowen accessed People and Groups"],
    [say("Search", "Interactions", { detail: { filter: { q: "adele", status: ["Available", "Failed"] } } }), "Megan Bowen searched interactions for “adele”, status Available or Failed"],
    [say("Search", "User", { detail: { with: "sample addresses" } }), "Megan Bowen searched users with sample addresses"],
    [say("View", "Call", call), "Call of Adele Vance at 2026-11-20 10:00:00 UTC was viewed by Megan Bowen"],
    [say("View", "Call", { ...call, detail: { ...call.detail, part: "manifest" } }), "Call of Adele Vance at 2026-11-20 10:00:00 UTC: its manifest was viewed by Megan Bowen"],
    [say("Play", "Call", { ...call, detail: { ...call.detail, track: 2 } }), "Call of Adele Vance at 2026-11-20 10:00:00 UTC was played by Megan Bowen, speaker 2 alone"],
    [say("Modify", "Trunk", { subject: "t", detail: { name: "SBC Berlin", change: { source_networks: { from: [], to: ["::1/128"] }, enabled: { from: true, to: false } } } }), "Trunk SBC Berlin was modified by Megan Bowen: source networks, enabled"],
    [say("Disabled", "API Key", { subject: "k", detail: { name: "Reports" } }), "API Key Reports was revoked by Megan Bowen"],
    [say("View", "Tenant", { subject: "x", detail: { name: "Contoso" } }), "Tenant Contoso was viewed by Megan Bowen"],
    [say("Export", "User", { detail: { people: 1_234 } }), "Megan Bowen exported users (1,234) to file"],
    [say("Export", "Audit Trail", { detail: { entries: 3 } }), "Megan Bowen exported 3 audit entries to file"],
    [say("Import", "Auto Sync with AAD", { detail: { what: "users", everything: false, added: 1, changed: 2, removed: 3, problems: 0 } }), "Megan Bowen read what changed of the users of the directory: 1 new, 2 changed, 3 removed, 0 with problems"],
    [say("Import", "User", { detail: { created: 2, changed: 0 } }), "Megan Bowen imported users from file: 2 new, 0 changed"],
    [say("Monitor", "Interactions", { subject: "s", detail: { stream: "closed", durationMs: 61_000 } }), "Megan Bowen stopped following interactions live, after 00:01:01"],
    [say("Recording Finalized", "Call", { subject: "64b0", actorName: "Recorder", detail: { durationMs: 3_661_000, recovered: true } }), "Recording 64b0 was finished by Recorder, 01:01:01, after a restart"],
    [describeEntry({ action: "", item: "", actorName: "", subject: null, detail: {} }), "This entry was erased; the entry of the erasure says by whom and why"],
    [say("Create", "Person", { subject: "p1" }), "Person p1: Create by Megan Bowen"],
  ])("MON-26 “%s”", ([said, wanted]) => {
    expect(said).toBe(wanted);
  });

  test("MON-23 MON-24 CON-24 CON-42 the words of the specification are all there, capitalized, each once", () => {
    for (const word of ["Login", "Logout", "Add", "Modify", "View", "Delete", "Export", "Play", "Send Mail", "Disabled", "Access", "Download", "Monitor", "Pause", "Resume"]) expect(actions).toContain(word);
    for (const word of ["Recording Profile", "Access Profile", "Group", "User", "Call", "Tag", "Note", "Tenant", "Legal Hold", "Auto Sync with AAD", "Audit Trail", "Interactions", "Storage", "Access", "Consent", "Licence", "Branding", "Saved Search"]) expect(items).toContain(word);
    for (const words of [[...actions, ...machineActions], items]) {
      expect(new Set(words).size).toBe(words.length);
      for (const word of words) expect(word).toMatch(/^[A-Z][A-Za-z]*( (with )?[A-Z][A-Za-z]*)*$/);
    }
  });
});
