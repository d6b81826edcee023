/** Routes of the settings: trunks, invitations, people, groups. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { GroupSettings, PersonSettings, TrunkSettings } from "@earwitness/contract";
import { checkPerson, groups, importPeople, listGroups, listPeople, people, personOf } from "./directory.ts";
import { Refused } from "./refused.ts";
import { checkTrunk, createTrunk, invitations, keptTrunk, listInvitations, newSecret, tagOf, traceText, trunkOf, trunks, tryTrunk, written } from "./trunks.ts";

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

const json = (response: ServerResponse, body: unknown, status = 200) => void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const gone = (response: ServerResponse) => void response.writeHead(204).end();
const late = async () => await new Promise((done) => setTimeout(done, 90));

function refuseStale(request: IncomingMessage, tag: string): void {
  const given = request.headers["if-match"];
  if (given !== undefined && given !== tag) throw new Refused(412, "CHANGED_MEANWHILE", "Somebody else has changed it since it was read.");
}

/** Answers true where the path is one of the settings'. */
export async function answerSettings(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
  const path = url.pathname.slice("/api/v1/".length).split("/");
  const [room, id = "", part = ""] = path;
  if (room !== "trunks" && room !== "people" && room !== "groups") return false;
  await late();
  const { method } = request;
  const query = (name: string) => url.searchParams.get(name);
  const tagged = (value: { settings: unknown }, status = 200) => {
    response.setHeader("etag", tagOf(value.settings));
    json(response, value, status);
  };

  if (room === "trunks") {
    if (id === "" && method === "GET") json(response, { trunks: [...trunks.keys()].map(trunkOf).toSorted((one, other) => one.settings.name.localeCompare(other.settings.name)) });
    else if (id === "") tagged(trunkOf(createTrunk(JSON.parse(await bodyOf(request)) as TrunkSettings)), 201);
    else if (id === "try") {
      const { settings, samples } = JSON.parse(await bodyOf(request)) as { settings: TrunkSettings; samples: string[] };
      json(response, tryTrunk(settings, samples));
    } else if (id === "invitations" && part === "") json(response, { invitations: listInvitations(query("trunk"), query("after"), Number(query("limit") ?? 50)) });
    else if (id === "invitations") response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(traceText(part));
    else if (part === "digest" && method === "POST") json(response, newSecret(id));
    else if (part === "digest") {
      keptTrunk(id).digest = null;
      gone(response);
    } else if (part === "networks") {
      const kept = keptTrunk(id);
      const { network } = JSON.parse(await bodyOf(request)) as { network: string };
      kept.settings = written({ ...kept.settings, sourceNetworks: [...kept.settings.sourceNetworks, network] });
      tagged(trunkOf(id));
    } else if (method === "PUT") {
      const kept = keptTrunk(id);
      refuseStale(request, tagOf(kept.settings));
      const settings = JSON.parse(await bodyOf(request)) as TrunkSettings;
      checkTrunk(settings, "body");
      kept.settings = written(settings);
      tagged(trunkOf(id));
    } else if (method === "DELETE") {
      keptTrunk(id);
      trunks.delete(id);
      invitations.splice(0, invitations.length, ...invitations.filter((one) => one.trunk?.id !== id));
      gone(response);
    } else tagged(trunkOf(id));
    return true;
  }

  if (room === "people") {
    if (id === "" && method === "GET") json(response, listPeople(query("q") ?? "", Number(query("after") ?? 0), Number(query("limit") ?? 50)));
    else if (id === "import") json(response, importPeople(await bodyOf(request), query("apply") === "true"));
    else if (id === "export") {
      const lines = [...people.values()].map((of) => [of.upn, of.displayName, of.recorded, of.extensions.join(" ")].join(","));
      response.writeHead(200, { "content-type": "text/csv; charset=utf-8", "content-disposition": 'attachment; filename="people.csv"' }).end(["upn,displayName,recorded,extensions", ...lines].join("\r\n"));
    } else if (id === "") {
      const settings = JSON.parse(await bodyOf(request)) as PersonSettings;
      checkPerson(settings, null);
      const made = crypto.randomUUID();
      people.set(made, settings);
      tagged(personOf(made), 201);
    } else if (method === "PUT") {
      refuseStale(request, tagOf(personOf(id).settings));
      const settings = JSON.parse(await bodyOf(request)) as PersonSettings;
      checkPerson(settings, id);
      people.set(id, settings);
      tagged(personOf(id));
    } else if (method === "DELETE") {
      people.delete(personOf(id).id);
      gone(response);
    } else tagged(personOf(id));
    return true;
  }

  if (id === "" && method === "GET") json(response, { groups: listGroups() });
  else if (method === "DELETE") {
    groups.delete(id);
    for (const of of people.values()) of.groupIds = of.groupIds.filter((one) => one !== id);
    gone(response);
  } else {
    const { name } = JSON.parse(await bodyOf(request)) as GroupSettings;
    if ([...groups].some(([other, taken]) => other !== id && taken.toLowerCase() === name.toLowerCase())) throw new Refused(409, "GROUP_NAME_TAKEN", "There is a group of that name already.", [{ where: "body.name", message: "is the name of another group already" }]);
    const made = id === "" ? crypto.randomUUID() : id;
    groups.set(made, name);
    json(response, listGroups().find((group) => group.id === made), id === "" ? 201 : 200);
  }
  return true;
}
