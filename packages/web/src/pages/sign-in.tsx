import { Button } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Mark } from "../frame/mark.tsx";
import type { MessageId } from "../messages/en.ts";
import { apiPaths, safeReturnTo } from "../paths.ts";
import { signInWaysQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { LocalSignInForm } from "./local-sign-in.tsx";
import local from "./local-sign-in.module.css";
import s from "./sign-in.module.css";

const errors: Readonly<Record<string, MessageId>> = {
  session_ended: "signIn.ended",
  refused: "signIn.error.refused",
  unknown_tenant: "signIn.error.unknownTenant",
  unknown_person: "signIn.error.unknownPerson",
  no_access: "signIn.error.noAccess",
  expired: "signIn.error.expired",
  provider_away: "signIn.error.providerAway",
  not_configured: "signIn.error.notConfigured",
  cancelled: "signIn.error.cancelled",
  name_taken: "signIn.error.nameTaken",
  no_portal_access: "signIn.error.noPortalAccess",
  valid_till_over: "signIn.error.validTillOver",
  personal_account: "signIn.error.personalAccount",
  too_many: "signIn.error.tooMany",
  unavailable: "signIn.error.unavailable",
};

export function SignInPage() {
  const text = useText();
  const { returnTo, error, signedOut } = useSearch({ from: "/sign-in" });
  const ways = useQuery(signInWaysQuery);
  const [asked, setAsked] = useState(false);
  // Until it is known, and where it cannot be, the provider is what there is.
  const hasProvider = ways.data?.provider !== false;
  const calm = signedOut !== undefined || error === "session_ended";
  const message = error ? text(errors[error.toLowerCase()] ?? "signIn.error.other", { code: error }) : signedOut ? text("signIn.signedOut") : null;
  return (
    <main className={s.page}>
      <title>{text("app.title", { page: text("signIn.page") })}</title>
      <div className={s.card}>
        <div className={s.mark}>
          <Mark size={34} />
        </div>
        <h1>{text("signIn.title")}</h1>
        <p className={s.lead}>{text("signIn.lead")}</p>
        {message && (
          <p className={s.message} data-calm={calm || undefined} role={calm ? "status" : "alert"}>
            {message}
          </p>
        )}
        {/* A link, not a script: it must leave the portal for the identity provider. */}
        {hasProvider && (
          <a className={s.button} href={apiPaths.signIn(safeReturnTo(returnTo))}>
            {text("signIn.button")}
          </a>
        )}
        {hasProvider && !asked && (
          <Button appearance="transparent" className={local.other} onClick={() => setAsked(true)}>
            {text("localSignIn.button")}
          </Button>
        )}
        {(asked || !hasProvider) && <LocalSignInForm returnTo={safeReturnTo(returnTo)} />}
      </div>
    </main>
  );
}
