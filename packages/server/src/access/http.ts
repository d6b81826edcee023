/** What every route of the portal knows of access, whichever room it lives in. */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from "fastify";
import type { Clock } from "#clock";
import { Refusal } from "#errors";
import type { EvidenceEntry } from "#evidence";
import type { Permission } from "./permissions.ts";
import { actorOf, type Principal } from "./principal.ts";

/** Who may call a route. The portal does not start with a route that does not say so. */
export type RouteAccess = "public" | "signed-in" | { readonly permission: Permission };

declare module "fastify" {
  interface FastifyContextConfig {
    access?: RouteAccess;
    /** Content types of a request's body that is not JSON. */
    consumes?: readonly string[];
    /** Content types of a successful answer that is not JSON. */
    produces?: readonly string[];
    /** Requests that one caller may make per minute, where it is fewer than usual. */
    perMinute?: number;
  }
  interface FastifySchema {
    summary?: string;
    description?: string;
    tags?: readonly string[];
  }
  interface FastifyRequest {
    /** Null on public routes, and nowhere else. */
    principal: Principal | null;
  }
}

export type PortalApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Refusal("UNAUTHENTICATED", 401, "Sign in, or send an API key as `Authorization: Bearer …`.");
  return request.principal;
}

/** Who does something, when and from where: the half of an evidence row that no act differs in. */
export type Origin = Pick<EvidenceEntry, "actor" | "occurredAt" | "nodeId"> & { readonly remoteAddress: string };

export function originOf(request: FastifyRequest, { clock, nodeId }: { readonly clock: Clock; readonly nodeId: string }): Origin {
  return { actor: actorOf(principalOf(request)), occurredAt: clock.now(), nodeId, remoteAddress: request.ip };
}

/** Names a principal where one text has to do: in a play, in a rate limit. */
export function principalKey(principal: Principal): string {
  return `${principal.kind}:${principal.id}`;
}
