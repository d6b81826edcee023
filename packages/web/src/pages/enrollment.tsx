import { Button, Field, Input, Link } from "@fluentui/react-components";
import type { EnrollmentLook } from "@earwitness/contract";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { Mark } from "../frame/mark.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import { rememberOrganization } from "./local-sign-in.tsx";
import card from "./sign-in.module.css";
import s from "./local-sign-in.module.css";

/** What a link of an administrator opens: password and one-time codes are set up here. The secret stands behind the `#`, which no server sees. */
export function EnrollmentPage() {
  const text = useText();
  const words = useProblemWords();
  const [enrollment] = useState(() => location.hash.slice(1));
  // Each look makes another secret: once is enough, or the one that was typed into the app would be gone.
  const look = useQuery({ queryKey: ["enrollment", enrollment], queryFn: () => api.lookAtEnrollment(enrollment), staleTime: Number.POSITIVE_INFINITY, retry: false, refetchOnReconnect: false });
  return (
    <main className={card.page}>
      <title>{text("app.title", { page: text("enrollment.page") })}</title>
      <div className={card.card}>
        <div className={card.mark}>
          <Mark size={34} />
        </div>
        <h1>{text("enrollment.page")}</h1>
        {look.data ? <SetUp look={look.data} enrollment={enrollment} /> : <p className={card.message} role={look.isError ? "alert" : "status"}>{look.isError ? words(problemOf(look.error)).detail : text("settings.loading")}</p>}
      </div>
    </main>
  );
}

function SetUp({ look: { person, tenant, code, setup }, enrollment }: { look: EnrollmentLook; enrollment: string }) {
  const text = useText();
  const words = useProblemWords();
  const [typed, setTyped] = useState({ password: "", again: "", code: "" });
  const set = (key: keyof typeof typed) => (_: unknown, { value }: { value: string }) => setTyped({ ...typed, [key]: value });
  const accept = useMutation({
    mutationFn: () => api.acceptEnrollment({ enrollment, setup, password: typed.password, code: typed.code.replaceAll(/\s/g, "") }),
    onSuccess() {
      rememberOrganization(tenant.slug);
      // A real load of the page: the link goes out of the address with it.
      location.replace("/");
    },
  });
  const problem = accept.isError ? problemOf(accept.error) : null;
  const mistake = (field: string): { validationMessage?: string } => {
    const found = problem?.errors?.find(({ where }) => where === `body.${field}`);
    return found === undefined ? {} : { validationMessage: problem?.detail ?? found.message };
  };
  const isSame = typed.password === typed.again;
  const isComplete = typed.password !== "" && isSame && /^\s*(\d\s*){6}$/.test(typed.code);
  return (
    <form
      className={s.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete && !accept.isPending) accept.mutate();
      }}
    >
      <p className={s.step}>{text("enrollment.lead", { name: person.name, upn: person.upn, organization: tenant.name })}</p>
      <input type="hidden" autoComplete="username" value={person.upn} readOnly />
      <Field label={text("localSignIn.password")} hint={text("enrollment.password.hint")} {...mistake("password")}>
        <Input type="password" value={typed.password} onChange={set("password")} autoComplete="new-password" />
      </Field>
      <Field label={text("enrollment.again")} {...(typed.again !== "" && !isSame ? { validationMessage: text("enrollment.again.differs") } : {})}>
        <Input type="password" value={typed.again} onChange={set("again")} autoComplete="new-password" />
      </Field>
      <p className={s.step}>
        {text("enrollment.app")} <Link href={code.uri}>{text("enrollment.app.open")}</Link>
      </p>
      <output className={s.secret} aria-label={text("enrollment.secret")}>
        {code.secret.replaceAll(/(.{4})(?=.)/g, "$1 ")}
      </output>
      <Field label={text("localSignIn.code")} hint={text("enrollment.code.hint")} {...mistake("code")}>
        <Input value={typed.code} onChange={set("code")} inputMode="numeric" autoComplete="one-time-code" />
      </Field>
      {problem !== null && (problem.errors?.length ?? 0) === 0 && (
        <p role="alert" className={s.failed}>
          {words(problem).detail}
        </p>
      )}
      <Button type="submit" appearance="primary" size="large" disabled={!isComplete || accept.isPending}>
        {text("enrollment.accept")}
      </Button>
    </form>
  );
}
