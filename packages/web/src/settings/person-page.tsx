import { Checkbox, Input, Select, Switch } from "@fluentui/react-components";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import type { Person, PersonSettings } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { api, problemOf, type Versioned } from "../api.ts";
import { Fault } from "../frame/notice.tsx";
import type { MessageId } from "../messages/en.ts";
import { pages } from "../paths.ts";
import { groupsQuery, personQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Back } from "./back.tsx";
import { checkPerson } from "./check-settings.ts";
import { DangerZone, DeleteRow } from "./danger-zone.tsx";
import { Field } from "./field.tsx";
import { firstSaid, fromProblem, mistakesAt, mistakesOfChanged, mistakesStillThere, placesAt } from "./mistakes.ts";
import { Page, PageSkeleton } from "./page.tsx";
import { SaveBar } from "./save-bar.tsx";
import { useNews, useSaveFailure } from "./save-words.ts";
import { Section } from "./section.tsx";
import { Tokens } from "./tokens.tsx";
import { forgetDraft, useDraft } from "./use-draft.ts";
import s from "./person-page.module.css";

/** Built in; profiles that a tenant makes itself come later. */
const accessProfiles = ["Global Admin", "Own Calls"];
const nobodyYet: Versioned<PersonSettings> = {
  value: { displayName: "", upn: "", givenName: null, familyName: null, accessProfile: null, recorded: true, addresses: [], extensions: [], groupIds: [] },
  etag: null,
};

export function NewPersonPage() {
  const text = useText();
  return (
    <Page title={text("people.new")} back={<Back to={pages.people()} label={text("people.page")} />} lead={text("person.new.lead")}>
      <Edit id={null} current={nobodyYet} />
    </Page>
  );
}

export function PersonPage() {
  const text = useText();
  const { id } = useParams({ from: "/signed-in/settings/people/$id" });
  const query = useQuery(personQuery(id));
  const back = <Back to={pages.people()} label={text("people.page")} />;
  if (query.data) return <PersonHere key={id} person={query.data.value} etag={query.data.etag} />;
  if (query.isPending) return <PageSkeleton title={text("people.page")} back={back} />;
  return (
    <Page title={text("people.page")} back={back}>
      <Fault error={query.error} icon={problemOf(query.error).status === 404 ? <SearchRegular /> : <PlugDisconnectedRegular />} onRetry={() => void query.refetch()} />
    </Page>
  );
}

function PersonHere({ person: { id, settings }, etag }: { person: Person; etag: string | null }) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  return (
    <Page title={settings.displayName} back={<Back to={pages.people()} label={text("people.page")} />} note={text(settings.recorded ? "person.recorded.yes" : "person.recorded.no")}>
      <Edit id={id} current={{ value: settings, etag }} />
      <DangerZone>
        <DeleteRow
          title={text("person.delete.title")}
          detail={text("person.delete.detail")}
          name={settings.displayName}
          action={text("person.delete")}
          onConfirm={async () => {
            await api.deletePerson(id);
            forgetDraft(draftOf(id));
            await navigate(pages.people());
            queryClient.removeQueries({ queryKey: ["person", id] });
            await Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["groups"] })]);
          }}
        />
      </DangerZone>
    </Page>
  );
}

const draftOf = (id: string | null): string => `person.${id ?? "new"}`;

const fieldNames: Readonly<Record<keyof PersonSettings, MessageId>> = {
  displayName: "person.displayName",
  upn: "person.upn",
  givenName: "person.givenName",
  familyName: "person.familyName",
  accessProfile: "person.accessProfile",
  recorded: "person.recorded",
  addresses: "person.addresses",
  extensions: "person.extensions",
  groupIds: "groups.page",
};

function Edit({ id, current }: { id: string | null; current: Versioned<PersonSettings> }) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const groups = useQuery(groupsQuery).data?.groups ?? [];
  const form = useRef<HTMLFormElement>(null);
  const draft = useDraft(draftOf(id), current);
  const { value: person } = draft;
  const [wasTried, setWasTried] = useState(false);
  const set = <Key extends keyof PersonSettings>(key: Key, value: PersonSettings[Key]) => draft.set({ ...person, [key]: value });
  const orNull = (value: string): string | null => (value === "" ? null : value);

  const save = useMutation({
    mutationFn: (sent: PersonSettings) => (id === null ? api.createPerson(sent) : api.changePerson(id, sent, draft.base.etag)),
    onSuccess: async (fresh, sent) => {
      setWasTried(false);
      if (id === null) forgetDraft(draftOf(null));
      draft.saved(id === null ? fresh.value.settings : sent, { value: fresh.value.settings, etag: fresh.etag });
      queryClient.setQueryData(personQuery(fresh.value.id).queryKey, fresh);
      await Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["groups"] })]);
      if (id === null) await navigate({ ...pages.people(), replace: true });
    },
    onError: (error) => (problemOf(error).status === 412 ? queryClient.invalidateQueries({ queryKey: ["person", id] }) : undefined),
  });
  const own = checkPerson(person, text);
  const mistakes = firstSaid(wasTried ? own : mistakesOfChanged(own, draft.base.value, person), mistakesStillThere(fromProblem(save.isError ? problemOf(save.error).errors : []), save.variables, person));
  const failure = useSaveFailure(save.error);
  const news = useNews(draft.news, fieldNames, draft.changed && save.isError && problemOf(save.error).status === 412);

  return (
    <form
      ref={form}
      className={s.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setWasTried(true);
        if (own.length === 0) save.mutate(person);
        requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      }}
    >
      <Section title={text("person.who")}>
        <Field label={text("person.displayName")} hint={text("person.displayName.hint")} required mistake={mistakesAt(mistakes, "displayName")}>
          <Input value={person.displayName} maxLength={200} autoComplete="off" onChange={(_, { value }) => set("displayName", value)} />
        </Field>
        <Field label={text("person.upn")} hint={text("person.upn.hint")} required mistake={mistakesAt(mistakes, "upn")}>
          <Input type="email" value={person.upn} maxLength={320} autoComplete="off" placeholder="adelev@contoso.example" onChange={(_, { value }) => set("upn", value.trim())} />
        </Field>
        <div className={s.names}>
          <Field label={text("person.givenName")} hint={text("person.name.hint")} mistake={mistakesAt(mistakes, "givenName")}>
            <Input value={person.givenName ?? ""} maxLength={200} autoComplete="off" onChange={(_, { value }) => set("givenName", orNull(value))} />
          </Field>
          <Field label={text("person.familyName")} hint={text("person.name.hint")} mistake={mistakesAt(mistakes, "familyName")}>
            <Input value={person.familyName ?? ""} maxLength={200} autoComplete="off" onChange={(_, { value }) => set("familyName", orNull(value))} />
          </Field>
        </div>
      </Section>
      <Section title={text("person.calls")}>
        <Field label={text("person.recorded")} hint={text("person.recorded.hint")}>
          <Switch checked={person.recorded} onChange={(_, { checked }) => set("recorded", checked)} label={text(person.recorded ? "person.recorded.yes" : "person.recorded.no")} />
        </Field>
        <Field label={text("person.addresses")} hint={text("person.addresses.hint")} mistake={mistakesAt(mistakes, "addresses")}>
          <Tokens value={person.addresses} onChange={(addresses) => set("addresses", addresses)} placeholder="+49301234567  sip:adelev@contoso.example" wrong={placesAt(mistakes, "addresses")} />
        </Field>
        <Field label={text("person.extensions")} hint={text("person.extensions.hint")} mistake={mistakesAt(mistakes, "extensions")}>
          <Tokens value={person.extensions} onChange={(extensions) => set("extensions", extensions)} placeholder="4711" wrong={placesAt(mistakes, "extensions")} />
        </Field>
      </Section>
      <Section title={text("person.access")}>
        <Field label={text("person.accessProfile")} hint={text("person.accessProfile.hint")} mistake={mistakesAt(mistakes, "accessProfile")}>
          <Select value={person.accessProfile ?? ""} onChange={(_, { value }) => set("accessProfile", orNull(value))}>
            <option value="">{text("person.accessProfile.none")}</option>
            {[...new Set([...accessProfiles, ...(person.accessProfile === null ? [] : [person.accessProfile])])].map((profile) => (
              <option key={profile}>{profile}</option>
            ))}
          </Select>
        </Field>
        {groups.length > 0 && (
          <fieldset className={s.groups}>
            <legend>{text("groups.page")}</legend>
            {groups.map((group) => (
              <Checkbox
                key={group.id}
                label={group.settings.name}
                checked={person.groupIds.includes(group.id)}
                onChange={(_, { checked }) => set("groupIds", checked === true ? [...person.groupIds, group.id] : person.groupIds.filter((one) => one !== group.id))}
              />
            ))}
          </fieldset>
        )}
      </Section>
      <SaveBar
        action={text(id === null ? "person.create" : "settings.save")}
        changed={draft.changed}
        saving={save.isPending}
        saved={save.isSuccess}
        mistakes={new Set(mistakes.map(({ where }) => where)).size}
        failure={failure}
        news={news}
        onDiscard={() => {
          draft.discard();
          setWasTried(false);
          save.reset();
        }}
      />
    </form>
  );
}
