import { Button, Checkbox, Input, MessageBar, MessageBarBody, Select, Switch } from "@fluentui/react-components";
import { ArrowLeftRegular } from "@fluentui/react-icons/svg/arrow-left";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import type { PersonSettings } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { Fault, useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { groupsQuery, personQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { DangerZone } from "./danger-zone.tsx";
import { Field, mistakesAt } from "./field.tsx";
import { Lines } from "./lines.tsx";
import { Page } from "./page.tsx";
import { Section } from "./section.tsx";
import s from "./trunk-page.module.css";

/** Built in; profiles that a tenant makes itself come later. */
const accessProfiles = ["Global Admin", "Own Calls"];
const newPerson: PersonSettings = { displayName: "", upn: "", givenName: null, familyName: null, accessProfile: null, recorded: true, addresses: [], extensions: [], groupIds: [] };

export function NewPersonPage() {
  const text = useText();
  return (
    <Page title={text("people.new")} back={<Back />}>
      <Edit id={null} saved={newPerson} etag={null} />
    </Page>
  );
}

export function PersonPage() {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { id } = useParams({ from: "/signed-in/settings/people/$id" });
  const query = useQuery(personQuery(id));
  if (query.isPending) return <Page title={text("people.page")} back={<Back />} note={text("settings.loading")} children={null} />;
  if (query.isError && !query.data) return <Fault alone error={query.error} icon={<PlugDisconnectedRegular />} onRetry={() => void query.refetch()} />;
  const { value: person, etag } = query.data;
  return (
    <Page title={person.settings.displayName} back={<Back />} note={text(person.settings.recorded ? "person.recorded.yes" : "person.recorded.no")}>
      <Edit key={etag} id={id} saved={person.settings} etag={etag} />
      <DangerZone
        title={text("person.delete.title")}
        detail={text("person.delete.detail")}
        name={person.settings.displayName}
        action={text("person.delete")}
        onConfirm={async () => {
          await api.deletePerson(id);
          await queryClient.invalidateQueries({ queryKey: ["people"] });
          await navigate(pages.people());
        }}
      />
    </Page>
  );
}

function Back() {
  const text = useText();
  return (
    <Link {...pages.people()} className={s.back}>
      <ArrowLeftRegular /> {text("people.page")}
    </Link>
  );
}

function Edit({ id, saved, etag }: { id: string | null; saved: PersonSettings; etag: string | null }) {
  const text = useText();
  const words = useProblemWords();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const groups = useQuery(groupsQuery);
  const [draft, setDraft] = useState(saved);
  const set = <Key extends keyof PersonSettings>(key: Key, value: PersonSettings[Key]) => setDraft((before) => ({ ...before, [key]: value }));
  const orNull = (value: string): string | null => (value === "" ? null : value);
  const changed = JSON.stringify(draft) !== JSON.stringify(saved);
  const save = useMutation({
    mutationFn: () => (id === null ? api.createPerson(draft) : api.changePerson(id, draft, etag)),
    onSuccess: async () => {
      await Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), ...(id === null ? [] : [queryClient.invalidateQueries({ queryKey: ["person", id] })])]);
      if (id === null) await navigate(pages.people());
    },
  });
  const problem = save.isError ? problemOf(save.error) : null;
  const mistakes = problem?.errors ?? [];
  return (
    <form
      className={s.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Section title={text("person.who")}>
        <Field label={text("person.displayName")} hint={text("person.displayName.hint")} required mistake={mistakesAt(mistakes, "displayName")}>
          <Input value={draft.displayName} onChange={(_, { value }) => set("displayName", value)} />
        </Field>
        <Field label={text("person.upn")} hint={text("person.upn.hint")} required mistake={mistakesAt(mistakes, "upn")}>
          <Input type="email" value={draft.upn} placeholder="adelev@contoso.example" onChange={(_, { value }) => set("upn", value.trim())} />
        </Field>
        <Field label={text("person.givenName")} hint={text("person.name.hint")} mistake={mistakesAt(mistakes, "givenName")}>
          <Input value={draft.givenName ?? ""} onChange={(_, { value }) => set("givenName", orNull(value))} />
        </Field>
        <Field label={text("person.familyName")} hint={text("person.name.hint")} mistake={mistakesAt(mistakes, "familyName")}>
          <Input value={draft.familyName ?? ""} onChange={(_, { value }) => set("familyName", orNull(value))} />
        </Field>
      </Section>
      <Section title={text("person.calls")}>
        <Field label={text("person.recorded")} hint={text("person.recorded.hint")}>
          <Switch checked={draft.recorded} onChange={(_, { checked }) => set("recorded", checked)} label={text(draft.recorded ? "person.recorded.yes" : "person.recorded.no")} />
        </Field>
        <Field label={text("person.addresses")} hint={text("person.addresses.hint")} mistake={mistakesAt(mistakes, "addresses")}>
          <Lines value={draft.addresses} onChange={(lines) => set("addresses", lines)} placeholder={"+49301234567\nsip:adelev@contoso.example"} />
        </Field>
        <Field label={text("person.extensions")} hint={text("person.extensions.hint")} mistake={mistakesAt(mistakes, "extensions")}>
          <Lines value={draft.extensions} onChange={(lines) => set("extensions", lines)} placeholder="4711" rows={2} />
        </Field>
      </Section>
      <Section title={text("person.access")}>
        <Field label={text("person.accessProfile")} hint={text("person.accessProfile.hint")} mistake={mistakesAt(mistakes, "accessProfile")}>
          <Select value={draft.accessProfile ?? ""} onChange={(_, { value }) => set("accessProfile", orNull(value))}>
            <option value="">{text("person.accessProfile.none")}</option>
            {[...new Set([...accessProfiles, ...(draft.accessProfile === null ? [] : [draft.accessProfile])])].map((profile) => (
              <option key={profile}>{profile}</option>
            ))}
          </Select>
        </Field>
        {(groups.data?.groups.length ?? 0) > 0 && (
          <fieldset className={s.groups}>
            <legend>{text("groups.page")}</legend>
            {groups.data!.groups.map((group) => (
              <Checkbox
                key={group.id}
                label={group.settings.name}
                checked={draft.groupIds.includes(group.id)}
                onChange={(_, { checked }) => set("groupIds", checked === true ? [...draft.groupIds, group.id] : draft.groupIds.filter((one) => one !== group.id))}
              />
            ))}
          </fieldset>
        )}
      </Section>
      <footer className={s.footer}>
        {problem && (
          <MessageBar intent="error" role="alert" className={s.problem}>
            <MessageBarBody>{mistakes.length > 0 ? text("settings.mistakes", { count: mistakes.length, detail: problem.detail ?? "" }) : problem.status === 412 ? text("settings.conflict.person") : words(problem).detail}</MessageBarBody>
          </MessageBar>
        )}
        <div className={s.actions}>
          <Button type="submit" appearance="primary" disabled={!changed || save.isPending}>
            {text(id === null ? "person.create" : "settings.save")}
          </Button>
          <Button disabled={!changed || save.isPending} onClick={() => (setDraft(saved), save.reset())}>
            {text("settings.discard")}
          </Button>
          <span role="status" className={s.state}>
            {save.isPending ? text("settings.saving") : changed ? text("settings.unsaved") : save.isSuccess ? text("settings.saved") : ""}
          </span>
        </div>
      </footer>
    </form>
  );
}
