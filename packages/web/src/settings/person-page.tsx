import { Checkbox, Input, Select, Switch } from "@fluentui/react-components";
import { roles, type Group, type Person, type PersonSettings, type Role } from "@earwitness/contract";
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { api, type Versioned } from "../api.ts";
import { History } from "../audit/history.tsx";
import { Back } from "../frame/back.tsx";
import type { MessageId } from "../messages/en.ts";
import { shortAddress } from "../party.ts";
import { pages } from "../paths.ts";
import { groupsQuery, personQuery, sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { checkPerson } from "./check-settings.ts";
import { DangerZone, DeleteRow } from "./danger-zone.tsx";
import { EditForm } from "./edit-form.tsx";
import { Field } from "./field.tsx";
import { mistakesAt, placesAt } from "./mistakes.ts";
import { newPerson } from "./new-person.ts";
import { Page, PageWithout } from "./page.tsx";
import { PersonSignInSection } from "./person-sign-in.tsx";
import { Section } from "./section.tsx";
import { Tokens } from "./tokens.tsx";
import { forgetDraft } from "./use-draft.ts";
import { draftOf, useEdit } from "./use-edit.ts";
import { Why } from "./why.tsx";
import s from "./person-page.module.css";

export function NewPersonPage() {
  const text = useText();
  const said = useSearch({ from: "/signed-in/settings/people/new" });
  const { address } = said;
  return (
    <Page title={text("people.new")} back={<Back to={pages.people()} label={text("people.page")} />} lead={address === undefined ? text("person.new.lead") : text("person.new.called", { address: shortAddress(address) })}>
      <Edit key={address} id={null} current={{ value: newPerson(said), etag: null }} begunWith={address} />
    </Page>
  );
}

export function PersonPage() {
  const text = useText();
  const { id } = useParams({ from: "/signed-in/settings/people/$id" });
  const query = useQuery(personQuery(id));
  if (query.data) return <PersonHere key={id} person={query.data.value} etag={query.data.etag} />;
  return <PageWithout title={text("people.page")} back={<Back to={pages.people()} label={text("people.page")} />} query={query} />;
}

function PersonHere({ person: { id, settings }, etag }: { person: Person; etag: string | null }) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { data: session } = useSuspenseQuery(sessionQuery);
  return (
    <Page title={settings.displayName} back={<Back to={pages.people()} label={text("people.page")} />} note={text(settings.recorded ? "person.recorded.yes" : "person.recorded.no")}>
      <Edit id={id} current={{ value: settings, etag }} />
      <PersonSignInSection id={id} />
      {session.permissions.includes("access.manage") && <Why personId={id} />}
      <History subject={id} />
      <DangerZone>
        <DeleteRow
          title={text("person.delete.title")}
          detail={text("person.delete.detail")}
          name={settings.displayName}
          action={text("person.delete")}
          onConfirm={async () => {
            await api.deletePerson(id);
            forgetDraft(draftOf("person", id));
            await navigate(pages.people());
            queryClient.removeQueries({ queryKey: ["person", id] });
            await Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["groups"] })]);
          }}
        />
      </DangerZone>
    </Page>
  );
}

const fieldNames: Readonly<Record<keyof PersonSettings, MessageId>> = {
  displayName: "person.displayName",
  upn: "person.upn",
  givenName: "person.givenName",
  familyName: "person.familyName",
  role: "person.role",
  recorded: "person.recorded",
  addresses: "person.addresses",
  extensions: "person.extensions",
  groupIds: "groups.page",
  managedGroupIds: "person.managed",
};

interface EditProps {
  /** Null: not there yet. */
  readonly id: string | null;
  readonly current: Versioned<PersonSettings>;
  /** The address of a call that a new person began with. */
  readonly begunWith?: string | undefined;
}

function Edit({ id, current, begunWith }: EditProps) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const groups = useQuery(groupsQuery).data?.groups ?? [];
  const edit = useEdit<PersonSettings, Person>({
    kind: "person",
    id,
    current,
    begunWith,
    names: fieldNames,
    send: (sent, etag) => (id === null ? api.createPerson(sent) : api.changePerson(id, sent, etag)),
    async onSaved() {
      await Promise.all([queryClient.invalidateQueries({ queryKey: ["people"] }), queryClient.invalidateQueries({ queryKey: ["groups"] })]);
      if (id === null) await navigate({ ...pages.people(), replace: true });
    },
  });
  const { value: person } = edit.draft;
  const set = <Key extends keyof PersonSettings>(key: Key, value: PersonSettings[Key]) => edit.draft.set({ ...person, [key]: value });
  const orNull = (value: string): string | null => (value === "" ? null : value);
  const wrong = checkPerson(person, text);
  const mistakes = edit.toSay(wrong);

  return (
    <EditForm edit={edit} action={text(id === null ? "person.create" : "settings.save")} wrong={wrong} said={mistakes}>
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
        <Field label={text("person.role")} hint={text("person.role.hint")} mistake={mistakesAt(mistakes, "role")}>
          <Select value={person.role} onChange={(_, { value }) => edit.draft.set({ ...person, role: value as Role, managedGroupIds: value === "Supervisor" || value === "Admin" ? person.managedGroupIds : [] })}>
            {roles.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </Select>
        </Field>
        {groups.length > 0 && <Groups of={groups} legend={text("groups.page")} follow value={person.groupIds} onChange={(ids) => set("groupIds", ids)} />}
        {groups.length > 0 && person.role === "Supervisor" && <Groups of={groups} legend={text("person.managed")} value={person.managedGroupIds} onChange={(ids) => set("managedGroupIds", ids)} />}
      </Section>
    </EditForm>
  );
}

/** `follow`: who is in a group of the directory is said there. */
function Groups({ of, legend, value, follow = false, onChange }: { of: readonly Group[]; legend: string; value: readonly string[]; follow?: boolean; onChange: (ids: string[]) => void }) {
  const text = useText();
  return (
    <fieldset className={s.groups}>
      <legend>{legend}</legend>
      {of.map((group) => (
        <Checkbox key={group.id} label={follow && group.directory !== null ? text("person.group.directory", { name: group.settings.name }) : group.settings.name} disabled={follow && group.directory !== null} checked={value.includes(group.id)} onChange={(_, { checked }) => onChange(checked === true ? [...value, group.id] : value.filter((one) => one !== group.id))} />
      ))}
    </fieldset>
  );
}
