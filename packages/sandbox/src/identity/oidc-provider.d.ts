/** What we use of oidc-provider 9, which brings no types of its own. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  export interface Context {
    type: string;
    body: unknown;
    status: number;
    readonly oidc: {
      readonly provider: Provider;
      readonly client: { readonly clientId: string };
      readonly session: { readonly accountId: string };
      readonly result?: { readonly login?: { readonly accountId: string } };
    };
  }

  export interface Grant {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }

  export interface StoredModel {
    readonly uid?: string;
    readonly userCode?: string;
    readonly grantId?: string;
    consumed?: number;
    [name: string]: unknown;
  }

  export interface Adapter {
    upsert(id: string, payload: StoredModel, expiresIn?: number): Promise<void>;
    find(id: string): Promise<StoredModel | undefined>;
    findByUid(uid: string): Promise<StoredModel | undefined>;
    findByUserCode(userCode: string): Promise<StoredModel | undefined>;
    consume(id: string): Promise<void>;
    destroy(id: string): Promise<void>;
    revokeByGrantId(grantId: string): Promise<void>;
  }

  export interface Session {
    accountId?: string | undefined;
    authorizations?: object | undefined;
    persist(): Promise<string>;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    readonly Grant: new (properties: { clientId: string; accountId: string }) => Grant;
    readonly Session: { findByUid(uid: string): Promise<Session | undefined> };
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<{ readonly uid: string; readonly session?: { readonly uid: string } }>;
    /** Answers where the browser goes on. */
    interactionResult(request: IncomingMessage, response: ServerResponse, result: { login: { accountId: string } }): Promise<string>;
    on(event: "server_error", listener: (context: Context, error: Error) => void): this;
  }

  export class Check {
    constructor(reason: string, description: string, error: string, check: (context: Context) => boolean);
    static readonly REQUEST_PROMPT: true;
    static readonly NO_NEED_TO_PROMPT: false;
  }

  export const interactionPolicy: {
    base(): { get(name: string): { readonly checks: Check[] }; remove(name: string): void };
    readonly Check: typeof Check;
  };

  export default Provider;
}
