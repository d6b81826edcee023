import { Button, Combobox, Input, Option, Select } from "@fluentui/react-components";
import { PersonClockRegular } from "@fluentui/react-icons/svg/person-clock";
import type { AccessProfile } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { accessChoicesQuery, accessGrantsQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Field } from "./field.tsx";
import { fromProblem, mistakesAt } from "./mistakes.ts";
import { Section } from "./section.tsx";
import s from "./access-profiles.module.css";

const day = (iso: string): string => iso.slice(0, 10);
const inDays = (days: number): string => day(new Date(Date.now() + days * 86_400_000).toISOString());

/** What one person has for a time, such as an auditor from outside. */
export function AccessGrants({ profiles }: { profiles: readonly AccessProfile[] }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const grants = useQuery(accessGrantsQuery).data?.grants ?? [];
  const [adding, setAdding] = useState(false);
  const again = () => Promise.all([queryClient.invalidateQueries({ queryKey: ["accessGrants"] }), queryClient.invalidateQueries({ queryKey: ["accessProfiles"] })]);
  const end = useMutation({ mutationFn: (id: string) => api.endAccessGrant(id), onSuccess: again });
  const open = (
    <Button icon={<PersonClockRegular />} disabled={profiles.length === 0} onClick={() => setAdding(true)}>
      {text("grants.new")}
    </Button>
  );
  return (
    <Section title={text("grants.title")} lead={text("grants.lead")} tools={adding ? undefined : open}>
      {adding && <NewGrant profiles={profiles} onDone={async (made) => {
            setAdding(false);
            if (made) await again();
          }}
        />}
      {grants.length > 0 && (
        <table className={s.table}>
          <thead>
            <tr>
              <th scope="col">{text("grants.person")}</th>
              <th scope="col">{text("grants.reason")}</th>
              <th scope="col">{text("grants.profile")}</th>
              <th scope="col">{text("grants.until")}</th>
              <td className={s.number} />
            </tr>
          </thead>
          <tbody>
            {grants.map(({ id, settings, personName, profileName, holds, endedAt }) => (
              <tr key={id} className={s.row}>
                <th scope="row">{personName}</th>
                <td className={s.quiet}>{settings.reason}</td>
                <td data-label={text("grants.profile")}>{profileName}</td>
                <td data-label={text("grants.until")}>{holds ? day(settings.until) : <span className={s.quiet}>{text("grants.over", { day: day(endedAt ?? settings.until) })}</span>}</td>
                <td className={s.number}>
                  {holds && (
                    <Button size="small" disabled={end.isPending} onClick={() => end.mutate(id)} aria-label={text("grants.end.of", { name: personName, profile: profileName })}>
                      {text("grants.end")}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {grants.length === 0 && !adding && <p className={s.quiet}>{text("grants.none")}</p>}
      {end.isError && (
        <p role="alert" className={s.failed}>
          {words(problemOf(end.error)).detail}
        </p>
      )}
    </Section>
  );
}

function NewGrant({ profiles, onDone }: { profiles: readonly AccessProfile[]; onDone: (made: boolean) => Promise<void> | void }) {
  const text = useText();
  const words = useProblemWords();
  const [person, setPerson] = useState<{ id: string; name: string } | null>(null);
  const [typed, setTyped] = useState("");
  const [profileId, setProfileId] = useState(profiles[0]?.id ?? "");
  const [until, setUntil] = useState(inDays(30));
  const [reason, setReason] = useState("");
  const found = useQuery(accessChoicesQuery(typed)).data?.people ?? [];
  // To the end of the day that is named, in the reader's own time.
  const create = useMutation({ mutationFn: () => api.createAccessGrant({ personId: person!.id, profileId, until: new Date(`${until}T23:59:59`).toISOString(), reason: reason.trim() }), onSuccess: () => onDone(true) });
  const problem = create.isError ? problemOf(create.error) : null;
  const mistakes = fromProblem(problem?.errors);
  return (
    <form
      className={s.grant}
      onSubmit={(event) => {
        event.preventDefault();
        if (person !== null && reason.trim() !== "" && until !== "") create.mutate();
      }}
    >
      <Field label={text("grants.person")} hint={text("grants.person.hint")} required mistake={mistakesAt(mistakes, "personId")}>
        <Combobox
          freeform
          autoFocus
          value={person?.name ?? typed}
          onInput={(event) => (setPerson(null), setTyped(event.currentTarget.value))}
          onOptionSelect={(_, { optionValue, optionText }) => optionValue !== undefined && setPerson({ id: optionValue, name: optionText ?? "" })}
        >
          {found.map(({ id, name, upn }) => (
            <Option key={id} value={id} text={name}>
              {`${name} (${upn})`}
            </Option>
          ))}
        </Combobox>
      </Field>
      <Field label={text("grants.profile")} hint={text("grants.profile.hint")} required mistake={mistakesAt(mistakes, "profileId")}>
        <Select value={profileId} onChange={(_, { value }) => setProfileId(value)}>
          {profiles.map(({ id, settings }) => (
            <option key={id} value={id}>
              {settings.name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={text("grants.until")} hint={text("grants.until.hint")} required mistake={mistakesAt(mistakes, "until")}>
        <Input type="date" value={until} min={inDays(0)} max={inDays(365)} onChange={(_, { value }) => setUntil(value)} />
      </Field>
      <Field label={text("grants.reason")} hint={text("grants.reason.hint")} required mistake={mistakesAt(mistakes, "reason")}>
        <Input value={reason} maxLength={500} onChange={(_, { value }) => setReason(value)} />
      </Field>
      <span>
        <Button type="submit" appearance="primary" disabled={person === null || reason.trim() === "" || until === "" || create.isPending}>
          {text("grants.create")}
        </Button>{" "}
        <Button onClick={() => void onDone(false)}>{text("settings.cancel")}</Button>
      </span>
      {problem !== null && mistakes.length === 0 && (
        <span role="alert" className={s.failed}>
          {words(problem).detail}
        </span>
      )}
    </form>
  );
}
