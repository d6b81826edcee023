/** Asks Microsoft what a run would ask, and says in words what it answered. Nothing is kept of it. */
import { Type } from "typebox";
import type { DirectoryTrial } from "@earwitness/contract";
import { findGroups, GraphError, type GraphClient } from "#directory";

const Some = Type.Object({ value: Type.Array(Type.Object({ id: Type.String(), userPrincipalName: Type.Optional(Type.Union([Type.String(), Type.Null()])) })) });

interface Step {
  readonly what: string;
  ask(graph: GraphClient): Promise<string>;
}

const steps: readonly Step[] = [
  {
    what: "Sign in as the app and read users",
    async ask(graph) {
      const { value } = await graph.get("/users?$select=id,userPrincipalName&$top=1", Some);
      return value.length === 0 ? "The app may read users; there are none." : "The app was let in and may read users.";
    },
  },
  {
    what: "Read groups and who is in them",
    async ask(graph) {
      const { value } = await graph.get("/groups?$select=id&$top=1", Some);
      const [group] = value;
      if (group === undefined) return "The app may read groups; there are none.";
      await graph.get(`/groups/${group.id}/members?$select=id&$top=1`, Type.Object({ value: Type.Array(Type.Unknown()) }));
      return "The app may read groups and who is in them.";
    },
  },
  {
    what: "Search groups by name",
    async ask(graph) {
      await findGroups(graph, "a");
      return "Groups can be searched.";
    },
  },
];

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What comes after a step that failed for a reason of all is not asked. */
const ofAll: ReadonlySet<string> = new Set(["credentials", "unreachable", "timeout", "throttled"]);

export async function tryConnection(graph: GraphClient, signal?: AbortSignal): Promise<DirectoryTrial> {
  const done: DirectoryTrial["steps"] = [];
  for (const { what, ask } of steps) {
    signal?.throwIfAborted();
    try {
      done.push({ what, ok: true, message: await ask(graph) });
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      done.push({ what, ok: false, message: sentence(error.message.slice(error.where.length + 2)) });
      if (ofAll.has(error.kind)) break;
    }
  }
  return { ok: done.every(({ ok }) => ok), steps: done };
}
