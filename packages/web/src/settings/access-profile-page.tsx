import { Button, Checkbox, Combobox, Input, Option, Radio, RadioGroup, Textarea } from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons/svg/dismiss";
import { EditRegular } from "@fluentui/react-icons/svg/edit";
import { levelNames, levels, permissionWords, type AccessProfile, type AccessProfileSettings, type GivenPermission, type Level } from "@earwitness/contract";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Versioned } from "../api.ts";
import { History } from "../audit/history.tsx";
import { Back } from "../frame/back.tsx";
import type { MessageId } from "../messages/en.ts";
import { pages } from "../paths.ts";
import { accessChoicesQuery, accessProfileQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { useGroupNames } from "./access-profiles-page.tsx";
import { checkAccessProfile } from "./check-settings.ts";
import { DangerZone, DeleteRow } from "./danger-zone.tsx";
import { EditForm } from "./edit-form.tsx";
import { Field } from "./field.tsx";
import { mistakesAt } from "./mistakes.ts";
import { Page, PageWithout } from "./page.tsx";
import { Section } from "./section.tsx";
import { forgetDraft } from "./use-draft.ts";
import { draftOf, useEdit } from "./use-edit.ts";
import s from "./access-profile.module.css";

const newProfile: AccessProfileSettings = { name: "", description: "", level: "own", ofGroupIds: [], permissions: ["recording.listen"], groupIds: [] };
const about = ["call", "profiles", "system"] as const;
const permissionsAbout = (what: (typeof about)[number]) => (Object.keys(permissionWords) as GivenPermission[]).filter((permission) => permissionWords[permission].about === what);

export function NewAccessProfilePage() {
  const text = useText();
  return (
    <Page title={text("access.new")} back={<Back to={pages.accessProfiles()} label={text("access.page")} />}>
      <Edit id={null} current={{ value: newProfile, etag: null }} />
    </Page>
  );
}

export function AccessProfilePage() {
  const text = useText();
  const { id } = useParams({ from: "/signed-in/settings/access-profiles/$id" });
  const query = useQuery(accessProfileQuery(id));
  if (query.data) return <ProfileHere key={id} profile={query.data.value} etag={query.data.etag} />;
  return <PageWithout title={text("access.page")} back={<Back to={pages.accessProfiles()} label={text("access.page")} />} query={query} />;
}

function ProfileHere({ profile: { id, settings, people }, etag }: { profile: AccessProfile; etag: string | null }) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { edit } = useSearch({ from: "/signed-in/settings/access-profiles/$id" });
  const turn = (
    <Button icon={<EditRegular />} onClick={() => void navigate(pages.accessProfile(id, { edit: "1" }))}>
      {text("access.edit")}
    </Button>
  );
  return (
    <Page title={settings.name} back={<Back to={pages.accessProfiles()} label={text("access.page")} />} note={text("access.has", { count: people })} {...(edit === undefined ? { tools: turn } : {})}>
      {edit === undefined ? <View settings={settings} /> : <Edit id={id} current={{ value: settings, etag }} />}
      <History subject={id} />
      <DangerZone>
        <DeleteRow
          title={text("access.delete.title")}
          detail={text("access.delete.detail", { count: people })}
          name={settings.name}
          action={text("access.delete")}
          onConfirm={async () => {
            await api.deleteAccessProfile(id);
            forgetDraft(draftOf("accessProfile", id));
            await navigate(pages.accessProfiles());
            queryClient.removeQueries({ queryKey: ["accessProfile", id] });
            await queryClient.invalidateQueries({ queryKey: ["accessProfiles"] });
          }}
        />
      </DangerZone>
    </Page>
  );
}

/** To be read only (ACC-20). */
function View({ settings }: { settings: AccessProfileSettings }) {
  const text = useText();
  const names = useGroupNames();
  const line = (label: string, value: string) => (
    <div className={s.line}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
  return (
    <>
      <Section title={text("access.step.permissions")}>
        <dl className={s.facts}>
          {settings.description !== "" && line(text("access.description"), settings.description)}
          {line(text("access.level"), levels[settings.level])}
          {settings.level === "groups" && line(text("access.ofGroups"), settings.ofGroupIds.map(names).join(", "))}
          {about.map((what) => line(text(`access.about.${what}`), settings.permissions.filter((permission) => permissionWords[permission].about === what).map((permission) => permissionWords[permission].label).join(", ") || text("access.none"))).map((row, at) => (
            <div key={about[at]}>{row}</div>
          ))}
        </dl>
      </Section>
      <Section title={text("access.step.mapping")} lead={text("access.mapping.lead")}>
        {settings.groupIds.length === 0 ? (
          <p className={s.quiet}>{text("access.mapping.none")}</p>
        ) : (
          <ul className={s.mapped}>
            {settings.groupIds.map((id) => (
              <li key={id}>{names(id)}</li>
            ))}
          </ul>
        )}
      </Section>
    </>
  );
}

const fieldNames: Readonly<Record<keyof AccessProfileSettings, MessageId>> = { name: "access.name", description: "access.description", level: "access.level", ofGroupIds: "access.ofGroups", permissions: "access.step.permissions", groupIds: "access.mapping" };

function Edit({ id, current }: { readonly id: string | null; readonly current: Versioned<AccessProfileSettings> }) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const edit = useEdit<AccessProfileSettings, AccessProfile>({
    kind: "accessProfile",
    id,
    current,
    names: fieldNames,
    send: (sent, etag) => (id === null ? api.createAccessProfile(sent) : api.changeAccessProfile(id, sent, etag)),
    async onSaved(saved) {
      await Promise.all([queryClient.invalidateQueries({ queryKey: ["accessProfiles"] }), queryClient.invalidateQueries({ queryKey: ["session"] })]);
      await navigate({ ...pages.accessProfile(saved), replace: id === null });
    },
  });
  const { value: profile } = edit.draft;
  const set = (changes: Partial<AccessProfileSettings>) => edit.draft.set({ ...profile, ...changes });
  const wrong = checkAccessProfile(profile, text);
  const mistakes = edit.toSay(wrong);
  const setLevel = (level: Level) =>
    set({
      level,
      ofGroupIds: level === "groups" ? profile.ofGroupIds : [],
      // Actions on calls mean nothing where there is none to see.
      permissions: level === "none" ? profile.permissions.filter((permission) => permissionWords[permission].about !== "call") : profile.permissions,
    });

  return (
    <EditForm edit={edit} action={text(id === null ? "access.finish" : "settings.save")} wrong={wrong} said={mistakes}>
      <Section title={text("access.step.permissions")}>
        <Field label={text("access.name")} hint={text("access.name.hint")} required mistake={mistakesAt(mistakes, "name")}>
          <Input value={profile.name} maxLength={100} autoComplete="off" onChange={(_, { value }) => set({ name: value })} />
        </Field>
        <Field label={text("access.description")} hint={text("access.description.hint")} mistake={mistakesAt(mistakes, "description")}>
          <Textarea value={profile.description} maxLength={500} resize="vertical" onChange={(_, { value }) => set({ description: value })} />
        </Field>
        <Field label={text("access.level")} hint={text("access.level.hint")} mistake={mistakesAt(mistakes, "level")}>
          <RadioGroup value={profile.level} onChange={(_, { value }) => setLevel(value as Level)}>
            {levelNames.map((level) => (
              <Radio key={level} value={level} label={levels[level]} />
            ))}
          </RadioGroup>
        </Field>
        {profile.level === "groups" && (
          <Field label={text("access.ofGroups")} hint={text("access.ofGroups.hint")} required mistake={mistakesAt(mistakes, "ofGroupIds")}>
            <GroupPicker value={profile.ofGroupIds} onChange={(ofGroupIds) => set({ ofGroupIds })} label={text("access.ofGroups")} />
          </Field>
        )}
        {about.map((what) => (
          <fieldset key={what} className={s.permissions} disabled={what === "call" && profile.level === "none"}>
            <legend>{text(`access.about.${what}`)}</legend>
            {permissionsAbout(what).map((permission) => (
              <Checkbox
                key={permission}
                label={permissionWords[permission].label}
                disabled={what === "call" && profile.level === "none"}
                checked={profile.permissions.includes(permission)}
                onChange={(_, { checked }) => set({ permissions: checked === true ? [...profile.permissions, permission].toSorted() : profile.permissions.filter((one) => one !== permission) })}
              />
            ))}
            {what === "call" && <Checkbox label={text("access.mail")} disabled checked={false} />}
          </fieldset>
        ))}
      </Section>
      <Section title={text("access.step.mapping")} lead={text("access.mapping.lead")}>
        <Field label={text("access.mapping.add")} hint={text("access.mapping.hint")} mistake={mistakesAt(mistakes, "groupIds")}>
          <GroupPicker value={profile.groupIds} onChange={(groupIds) => set({ groupIds })} label={text("access.mapping.add")} confirm={profile.name} />
        </Field>
      </Section>
    </EditForm>
  );
}

interface GroupPickerProps {
  readonly value: readonly string[];
  readonly onChange: (ids: string[]) => void;
  readonly label: string;
  /** Name of the profile that a group's members get: asked first, with how many they are (ACC-12). */
  readonly confirm?: string;
}

/** Groups found as one types, and those that were chosen. */
function GroupPicker({ value, onChange, label, confirm }: GroupPickerProps) {
  const text = useText();
  const groups = useQuery(accessChoicesQuery("")).data?.groups ?? [];
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState<string | null>(null);
  const byId = new Map(groups.map((group) => [group.id, group]));
  const found = groups.filter(({ id, name }) => !value.includes(id) && name.toLowerCase().includes(typed.trim().toLowerCase())).slice(0, 50);
  const take = (id: string) => {
    onChange([...value, id].toSorted());
    setTyped("");
    setAsked(null);
  };
  const group = asked === null ? undefined : byId.get(asked);
  return (
    <div className={s.picker}>
      <Combobox
        freeform
        value={group?.name ?? typed}
        aria-label={label}
        placeholder={text("access.group.find")}
        selectedOptions={[]}
        onInput={(event) => (setAsked(null), setTyped(event.currentTarget.value))}
        onOptionSelect={(_, { optionValue }) => {
          if (optionValue === undefined) return;
          if (confirm === undefined) take(optionValue);
          else setAsked(optionValue);
        }}
      >
        {found.map(({ id, name, people }) => (
          <Option key={id} value={id} text={name}>
            {`${name} · ${text("groups.people", { count: people })}`}
          </Option>
        ))}
        {found.length === 0 && (
          <Option value="" text="" disabled>
            {text(groups.length === 0 ? "access.group.noneYet" : "access.group.none")}
          </Option>
        )}
      </Combobox>
      {group !== undefined && (
        <div className={s.sure} role="group" aria-label={text("access.group.add")}>
          <span>{text("access.group.sure", { group: group.name, count: group.people, profile: confirm || text("access.unnamed") })}</span>
          <Button autoFocus size="small" appearance="primary" onClick={() => take(group.id)}>
            {text("access.group.add")}
          </Button>
          <Button size="small" onClick={() => setAsked(null)}>
            {text("settings.cancel")}
          </Button>
        </div>
      )}
      {value.length > 0 && (
        <ul className={s.chosen}>
          {value.map((id) => (
            <li key={id}>
              <span>{byId.get(id)?.name ?? "…"}</span>
              <span className={s.quiet}>{text("groups.people", { count: byId.get(id)?.people ?? 0 })}</span>
              <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={text("access.group.remove", { name: byId.get(id)?.name ?? id })} onClick={() => onChange(value.filter((one) => one !== id))} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
