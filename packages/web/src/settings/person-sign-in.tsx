import { Button, Input, Switch } from "@fluentui/react-components";
import type { PersonSignIn, PortalEntrySettings } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { SessionList } from "../account/session-list.tsx";
import { api, problemOf, type Versioned } from "../api.ts";
import { CopyButton } from "../call/copy.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { personSignInQuery, sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { DangerRow } from "./danger-zone.tsx";
import { Field } from "./field.tsx";
import { Section } from "./section.tsx";
import s from "./person-sign-in.module.css";

/** Whether a person may sign in and until when, and where they are signed in now (USR-17). */
export function PersonSignInSection({ id }: { id: string }) {
  const text = useText();
  const words = useProblemWords();
  const query = useQuery(personSignInQuery(id));
  return (
    <Section title={text("personSignIn.title")} lead={text("personSignIn.lead")}>
      {query.data ? <SignIn key={query.data.etag} id={id} current={query.data} /> : query.isError ? <p role="alert">{words(problemOf(query.error)).detail}</p> : <p role="status">{text("settings.loading")}</p>}
    </Section>
  );
}

function SignIn({ id, current: { value, etag } }: { id: string; current: Versioned<PersonSignIn> }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const { data: me } = useSuspenseQuery(sessionQuery);
  const [draft, setDraft] = useState<PortalEntrySettings>(value.settings);
  const again = () => queryClient.invalidateQueries({ queryKey: ["person-sign-in", id] });
  const save = useMutation({ mutationFn: () => api.changePersonSignIn(id, draft, etag), onSuccess: again, onError: again });
  const everywhere = useMutation({ mutationFn: () => api.endPersonSessions(id), onSuccess: again });
  const [link, setLink] = useState<string | null>(null);
  const enroll = useMutation({ mutationFn: () => api.enroll(id), onSuccess: ({ url }) => (setLink(url), again()) });
  const forgetLocal = useMutation({ mutationFn: () => api.forgetLocalAccount(id), onSuccess: () => (setLink(null), again()) });
  const forget = useMutation({ mutationFn: () => api.forgetAccounts(id), onSuccess: again });
  const isChanged = JSON.stringify(draft) !== JSON.stringify(value.settings);
  const mayGiveAccess = me.permissions.includes("access.manage");
  return (
    <>
      <form
        className={s.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (isChanged) save.mutate();
        }}
      >
        <Field label={text("personSignIn.access")} hint={text("personSignIn.access.hint")}>
          <Switch checked={draft.portalAccess} disabled={!mayGiveAccess} onChange={(_, { checked }) => setDraft({ ...draft, portalAccess: checked })} label={text(draft.portalAccess ? "personSignIn.access.yes" : "personSignIn.access.no")} />
        </Field>
        <Field label={text("personSignIn.validTill")} hint={text("personSignIn.validTill.hint")}>
          <Input type="date" value={draft.validTill ?? ""} disabled={!mayGiveAccess} onChange={(_, { value: day }) => setDraft({ ...draft, validTill: day === "" ? null : day })} />
        </Field>
        <div className={s.save}>
          <Button type="submit" appearance="primary" disabled={!isChanged || save.isPending}>
            {text("personSignIn.save")}
          </Button>
          {save.isError && <span role="alert">{words(problemOf(save.error)).detail}</span>}
          {!mayGiveAccess && <span>{text("personSignIn.forbidden")}</span>}
        </div>
      </form>
      <h3 className={s.heading}>{text("sessions.page")}</h3>
      <SessionList sessions={value.sessions} onEnd={async (session) => (await api.endPersonSession(id, session.id), await again())} />
      <ul className={s.acts}>
        {value.sessions.length > 0 && (
          <DangerRow title={text("personSignIn.everywhere.title")} detail={text("personSignIn.everywhere.detail")} failure={everywhere.error}>
            <Button disabled={everywhere.isPending} onClick={() => everywhere.mutate()}>
              {text("personSignIn.everywhere")}
            </Button>
          </DangerRow>
        )}
        {value.accounts.length === 0 && (
          <DangerRow title={text("personSignIn.local.title")} detail={text(value.local !== null ? "personSignIn.local.there" : value.enrollment !== null ? "personSignIn.local.open" : "personSignIn.local.none")} failure={enroll.error ?? forgetLocal.error}>
            <div className={s.save}>
              <Button disabled={!mayGiveAccess || enroll.isPending} onClick={() => enroll.mutate()}>
                {text("personSignIn.enroll")}
              </Button>
              {(value.local !== null || value.enrollment !== null) && (
                <Button disabled={!mayGiveAccess || forgetLocal.isPending} onClick={() => forgetLocal.mutate()}>
                  {text("personSignIn.local.forget")}
                </Button>
              )}
            </div>
            {link !== null && (
              <p className={s.link} role="status">
                {text("personSignIn.link")} <code>{link}</code> <CopyButton what={text("personSignIn.link.name")} value={link} />
              </p>
            )}
          </DangerRow>
        )}
        {value.accounts.length > 0 && (
          <DangerRow title={text("personSignIn.accounts.title")} detail={text("personSignIn.accounts.detail", { accounts: value.accounts.map(({ issuer, subject }) => `${subject} (${issuer})`).join(", ") })} failure={forget.error}>
            <Button disabled={!mayGiveAccess || forget.isPending} onClick={() => forget.mutate()}>
              {text("personSignIn.accounts.forget")}
            </Button>
          </DangerRow>
        )}
      </ul>
    </>
  );
}
