import type { Actor } from "./append.ts";

/** The operator of the installation at its command line; the control socket tells no users apart. */
export const commandLine = { kind: "machine", id: "control-socket", name: "Command line of this machine" } as const satisfies Actor;

/** The operator by the file that a node is started with. */
export const provisionFile = { kind: "machine", id: "provision-file", name: "Provision file" } as const satisfies Actor;

/** Whether the provider of the service did it, not the tenant's own people (MON-28). */
export function isOperator({ kind, id }: Pick<Actor, "kind" | "id">): boolean {
  return [commandLine, provisionFile].some((actor) => actor.kind === kind && actor.id === id);
}
