import { Readable } from "node:stream";
import { Type } from "typebox";
import { AsOfQuery, AuditEntry, AuditEntryId, AuditExport, AuditPage, AuditQuery, RecordAsOf, type AuditFilter } from "@earwitness/contract";
import { originOf, principalOf, type Origin, type PortalApp } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce, type EvidenceEntry } from "#evidence";
import { formatEntryId, parseEntryId, type EntryKey } from "./entry-id.ts";
import { countEntries, findByKeys, findEntries, keyOf, momentOf, type EvidenceRow } from "./find-entries.ts";
import { readEntries } from "./read-entries.ts";
import { readTelling } from "./read-telling.ts";
import { recordAsOf } from "./record-as-of.ts";
import { reportHead, reportLine } from "./report.ts";

export interface AuditRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
}

const tags = ["audit trail"];
/** ACC-09: Audit Trail Access/Export. */
const access = { permission: "audit.read" } as const;
const defaultLimit = 50;
/** Rows that a search in descriptions looks at before it answers with what it has. */
const describedInOneGo = 20_000;
const exportedAtATime = 1_000;

export function auditRoutes({ db, clock, nodeId }: AuditRoutesOptions) {
  return (app: PortalApp): void => {
    app.get(
      "/api/v1/audit",
      {
        config: { access },
        schema: {
          summary: "List the audit trail",
          description: "Newest first. A page is continued with `after`, so that entries that come in meanwhile move nothing. Reading it is an entry of its own.",
          tags,
          querystring: AuditQuery,
          response: { 200: AuditPage },
        },
      },
      async (request): Promise<AuditPage> => {
        const { limit = defaultLimit, after, ...filter } = request.query;
        const key = after === undefined ? null : parseEntryId(after, "query.after");
        return await withTenant(db, principalOf(request).tenantId, async (tx) => {
          const { rows, hasMore, searchedTo } = await findEntries(tx, filter, { after: key, limit, mostDescribed: describedInOneGo });
          const total = key !== null || filter.description !== undefined ? null : hasMore ? await countEntries(tx, filter) : { count: rows.length, exact: true };
          await appendOnce(tx, lookOf(filter, originOf(request, { clock, nodeId })));
          const last = searchedTo ?? (rows.length === 0 ? null : keyOf(rows.at(-1)!));
          return {
            items: await readEntries(tx, rows),
            next: hasMore && last !== null ? formatEntryId(last) : null,
            searchedTo: searchedTo?.recordedAt.toISOString() ?? null,
            ...(total === null ? {} : { total }),
          };
        });
      },
    );

    app.get(
      "/api/v1/audit/as-of",
      {
        config: { access },
        schema: {
          summary: "A thing as it stood at a moment",
          description: "Its content after everything that was written down until then, re-created from the entries alone: what each field was, from which entry that is known, and what cannot be known. Looking at it is an entry of its own.",
          tags,
          querystring: AsOfQuery,
          response: { 200: RecordAsOf },
        },
      },
      async (request): Promise<RecordAsOf> => {
        const { item, subject, at: text } = request.query;
        const at = momentOf("at", text);
        return await withTenant(db, principalOf(request).tenantId, async (tx) => {
          const telling = await readTelling(tx, item, subject, at);
          if (telling === null) throw new Refusal("NOT_FOUND", 404, "No entry says what it was: there is no such thing, or its entries were erased.");
          const record = recordAsOf(telling, at);
          await appendOnce(tx, { ...originOf(request, { clock, nodeId }), action: "View", item, subject, detail: { ...(record.name === null ? {} : { name: record.name }), part: `record as of ${record.at}` } });
          return record;
        });
      },
    );

    app.get(
      "/api/v1/audit/:id",
      {
        config: { access },
        schema: { summary: "One entry of the audit trail", description: "As the list has it.", tags, params: Type.Object({ id: AuditEntryId }), response: { 200: AuditEntry } },
      },
      async (request) => {
        const key = parseEntryId(request.params.id, "params.id");
        return await withTenant(db, principalOf(request).tenantId, async (tx) => {
          const [row] = await findByKeys(tx, [key]);
          if (row === undefined) throw new Refusal("NOT_FOUND", 404, "There is no such entry.");
          await appendOnce(tx, { ...originOf(request, { clock, nodeId }), action: "View", item: "Audit Trail", subject: row.evidence_id, detail: { name: `of ${row.recorded_at.toISOString()}` } });
          return (await readEntries(tx, [row]))[0]!;
        });
      },
    );

    app.post(
      "/api/v1/audit/export",
      {
        config: { access, produces: ["text/csv"] },
        schema: {
          summary: "Export the audit trail",
          description: "As CSV: the entries that are named, or all that match a filter and were there when the export began. Exporting is an entry of its own.",
          tags,
          body: AuditExport,
        },
      },
      async (request, reply) => {
        const origin = originOf(request, { clock, nodeId });
        const { tenantId, name } = principalOf(request);
        const wanted = request.body;
        const lines = "ids" in wanted ? await exportTicked(tenantId, origin, wanted.ids) : await exportMatching(tenantId, origin, wanted.filter);
        const head = reportHead(name, origin.occurredAt, "ids" in wanted ? {} : wanted.filter);
        const stamp = origin.occurredAt.toISOString().replaceAll(/[-:]|\.\d+/g, "");
        return await reply
          .type("text/csv; charset=utf-8")
          .header("content-disposition", `attachment; filename="audit-trail-${stamp}.csv"`)
          .send(Readable.from(withHead(head, lines)));
      },
    );
  };

  async function exportTicked(tenantId: string, origin: Origin, ids: readonly string[]): Promise<AsyncGenerator<string>> {
    const keys = ids.map((id, at) => parseEntryId(id, `body.ids.${at}`));
    const rows = await withTenant(db, tenantId, async (tx) => {
      const found = await findByKeys(tx, keys);
      await append(tx, { ...origin, action: "Export", item: "Audit Trail", detail: { entries: found.length } });
      return found;
    });
    return (async function* () {
      for (let at = 0; at < rows.length; at += exportedAtATime) yield await linesOf(tenantId, rows.slice(at, at + exportedAtATime));
    })();
  }

  /** The first rows and the entry that says so in one transaction; the rest follows while it is sent, from the same moment on. */
  async function exportMatching(tenantId: string, origin: Origin, filter: AuditFilter): Promise<AsyncGenerator<string>> {
    const until = filter.to === undefined || new Date(filter.to) > origin.occurredAt ? { ...filter, to: origin.occurredAt.toISOString() } : filter;
    const page = { limit: exportedAtATime, mostDescribed: describedInOneGo };
    const first = await withTenant(db, tenantId, async (tx) => {
      const found = await findEntries(tx, until, { after: null, ...page });
      await append(tx, { ...origin, action: "Export", item: "Audit Trail", detail: { filter: filterOf(filter) } });
      return found;
    });
    return (async function* () {
      for (let found = first; ; ) {
        yield await linesOf(tenantId, found.rows);
        const last: EntryKey | undefined = found.searchedTo ?? (found.rows.length === 0 ? undefined : keyOf(found.rows.at(-1)!));
        if (!found.hasMore || last === undefined) return;
        found = await withTenant(db, tenantId, (tx) => findEntries(tx, until, { after: last, ...page }));
      }
    })();
  }

  async function linesOf(tenantId: string, rows: readonly EvidenceRow[]): Promise<string> {
    const entries = await withTenant(db, tenantId, (tx) => readEntries(tx, rows));
    return entries.map(reportLine).join("");
  }
}

async function* withHead(head: string, lines: AsyncGenerator<string>): AsyncGenerator<string> {
  yield head;
  yield* lines;
}

/** The page opens on what people and programs do: whose doing is shown is no search. */
function lookOf(filter: AuditFilter, origin: Origin): EvidenceEntry {
  const asked = filterOf(filter);
  return Object.keys(asked).every((name) => name === "actor") ? { ...origin, action: "Access", item: "Audit Trail" } : { ...origin, action: "Search", item: "Audit Trail", detail: { filter: asked } };
}

/** In one order and without what was not asked, so that the same question is the same act. */
function filterOf(filter: AuditFilter): Record<string, unknown> {
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0));
  return Object.fromEntries(asked.map(([name, value]) => [name, Array.isArray(value) ? value.toSorted() : value] as const).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
