import { Button, Field, Input } from "@fluentui/react-components";
import type { LocalSignIn } from "@earwitness/contract";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import s from "./local-sign-in.module.css";

/** So that the next time it stands there; nothing of it is secret. */
const organizationKey = "earwitness.organization";

export const rememberOrganization = (slug: string): void => localStorage.setItem(organizationKey, slug);

/** For people with an account of their own: organization, name, password and one-time code, all at once. */
export function LocalSignInForm({ returnTo }: { returnTo: string }) {
  const text = useText();
  const words = useProblemWords();
  const [typed, setTyped] = useState<LocalSignIn>({ tenant: localStorage.getItem(organizationKey) ?? "", upn: "", password: "", code: "" });
  const set = (key: keyof LocalSignIn) => (_: unknown, { value }: { value: string }) => setTyped({ ...typed, [key]: value });
  const signIn = useMutation({
    mutationFn: () => api.signInLocally({ ...typed, tenant: typed.tenant.trim(), upn: typed.upn.trim(), code: typed.code.replaceAll(/\s/g, "") }),
    onSuccess() {
      rememberOrganization(typed.tenant.trim());
      location.assign(returnTo);
    },
    // A code works once, also one that was refused beside something else.
    onError: () => setTyped({ ...typed, code: "" }),
  });
  const isComplete = typed.tenant.trim() !== "" && typed.upn.trim() !== "" && typed.password !== "" && /^\s*(\d\s*){6}$/.test(typed.code);
  return (
    <form
      className={s.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete && !signIn.isPending) signIn.mutate();
      }}
    >
      <Field label={text("localSignIn.organization")}>
        <Input value={typed.tenant} onChange={set("tenant")} autoComplete="organization" autoCapitalize="none" spellCheck={false} />
      </Field>
      <Field label={text("person.upn")}>
        <Input value={typed.upn} onChange={set("upn")} autoComplete="username" autoCapitalize="none" spellCheck={false} placeholder="adelev@contoso.example" />
      </Field>
      <Field label={text("localSignIn.password")}>
        <Input type="password" value={typed.password} onChange={set("password")} autoComplete="current-password" />
      </Field>
      <Field label={text("localSignIn.code")}>
        <Input value={typed.code} onChange={set("code")} inputMode="numeric" autoComplete="one-time-code" />
      </Field>
      {signIn.isError && (
        <p role="alert" className={s.failed}>
          {words(problemOf(signIn.error)).detail}
        </p>
      )}
      <Button type="submit" appearance="primary" size="large" disabled={!isComplete || signIn.isPending}>
        {text("signIn.page")}
      </Button>
    </form>
  );
}
