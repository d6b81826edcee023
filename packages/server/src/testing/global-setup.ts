import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { createTestServer, type TestServer } from "./test-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the workers ask for the run's database server. */
    earwitnessTestServer: string;
  }
}

/**
 * One database server for the whole run, started when the first test asks for it, so that a run without database tests
 * costs nothing. EARWITNESS_TEST_DB_URL names a real server (its superuser) to take instead of the embedded one.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let started: ReturnType<typeof createTestServer> | null = null;
  const door = createServer((_request, response) => {
    started ??= createTestServer(process.env["EARWITNESS_TEST_DB_URL"]);
    started.then(
      ({ superuserUrl, owner, template }) => response.end(JSON.stringify({ superuserUrl, owner, template } satisfies TestServer)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("earwitnessTestServer", `http://127.0.0.1:${(door.address() as AddressInfo).port}/`);
  return async () => {
    door.close();
    door.closeAllConnections();
    await (await started?.catch(() => null))?.close();
  };
}
