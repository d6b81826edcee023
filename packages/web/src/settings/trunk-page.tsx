import { Button, MessageBar, MessageBarActions, MessageBarBody } from "@fluentui/react-components";
import type { Trunk, TrunkSettings } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Versioned } from "../api.ts";
import { History } from "../audit/history.tsx";
import { Back } from "../frame/back.tsx";
import type { MessageId } from "../messages/en.ts";
import { pages } from "../paths.ts";
import { trunkQuery, trunksQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { checkTrunk } from "./check-settings.ts";
import { Connect } from "./connect.tsx";
import { DangerRow, DangerZone, DeleteRow } from "./danger-zone.tsx";
import { EditForm } from "./edit-form.tsx";
import { Invitations } from "./invitations.tsx";
import { firstSaid } from "./mistakes.ts";
import { newTrunk } from "./new-trunk.ts";
import { Page, PageWithout } from "./page.tsx";
import { Section } from "./section.tsx";
import { TrialPanel } from "./trial.tsx";
import { TrunkForm } from "./trunk-form.tsx";
import { trunkWarnings } from "./trunk-warnings.ts";
import { forgetDraft } from "./use-draft.ts";
import { draftOf, useEdit } from "./use-edit.ts";
import { mostSamples, useTrial } from "./use-trial.ts";

const nothingYet: Versioned<TrunkSettings> = { value: newTrunk, etag: null };

export function NewTrunkPage() {
  const text = useText();
  const navigate = useNavigate();
  return (
    <Page title={text("trunks.new")} back={<Back to={pages.trunks()} label={text("trunks.page")} />} lead={text("trunk.new.lead")}>
      <Edit id={null} current={nothingYet} onSaved={(id) => void navigate({ ...pages.trunk(id), replace: true })} />
    </Page>
  );
}

export function TrunkPage() {
  const text = useText();
  const { id } = useParams({ from: "/signed-in/settings/trunks/$id" });
  const query = useQuery(trunkQuery(id));
  if (query.data) return <TrunkHere key={id} id={id} trunk={query.data.value} etag={query.data.etag} />;
  return <PageWithout title={text("trunks.page")} back={<Back to={pages.trunks()} label={text("trunks.page")} />} query={query} />;
}

function TrunkHere({ id, trunk, etag }: { id: string; trunk: Trunk; etag: string | null }) {
  const text = useText();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { open } = useSearch({ from: "/signed-in/settings/trunks/$id" });
  const { settings } = trunk;
  const turn = useMutation({
    mutationFn: (enabled: boolean) => api.changeTrunk(id, { ...settings, enabled }, etag),
    onSuccess: (fresh) => queryClient.setQueryData(trunkQuery(id).queryKey, fresh),
    onError: () => queryClient.invalidateQueries({ queryKey: ["trunk", id] }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["trunks"] }),
  });
  return (
    <Page title={settings.name} back={<Back to={pages.trunks()} label={text("trunks.page")} />} note={text(settings.enabled ? "trunk.on" : "trunks.state.off")}>
      {!settings.enabled && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{text("trunk.off.now")}</MessageBarBody>
          <MessageBarActions>
            <Button size="small" disabled={turn.isPending} onClick={() => turn.mutate(true)}>
              {text("trunk.turnOn")}
            </Button>
          </MessageBarActions>
        </MessageBar>
      )}
      {trunk.certificateProblems.map((problem) => (
        <MessageBar key={problem} intent="warning" layout="multiline">
          <MessageBarBody>{problem}</MessageBarBody>
        </MessageBar>
      ))}
      <Section title={text("trunk.connect")} lead={text("trunk.connect.lead")}>
        <Connect trunk={trunk} />
      </Section>
      <Section title={text("trunk.invitations")} lead={text("trunk.invitations.lead")}>
        <Invitations trunk={id} open={open} onOpen={(next) => void navigate({ ...pages.trunk(id, { open: next }), replace: true, resetScroll: false })} atMost={5} />
      </Section>
      <Edit id={id} current={{ value: settings, etag }} onSaved={() => undefined} />
      <History subject={id} />
      <DangerZone>
        <DangerRow title={text(settings.enabled ? "trunk.off.title" : "trunk.on.title")} detail={text(settings.enabled ? "trunk.off.detail" : "trunk.on.detail")} failure={turn.error}>
          <Button disabled={turn.isPending} onClick={() => turn.mutate(!settings.enabled)}>
            {text(settings.enabled ? "trunk.turnOff" : "trunk.turnOn")}
          </Button>
        </DangerRow>
        <DeleteRow
          title={text("trunk.delete.title")}
          detail={text("trunk.delete.detail")}
          name={settings.name}
          action={text("trunk.delete")}
          onConfirm={async () => {
            await api.deleteTrunk(id);
            forgetDraft(draftOf("trunk", id));
            await navigate(pages.trunks());
            queryClient.removeQueries({ queryKey: ["trunk", id] });
            await queryClient.invalidateQueries({ queryKey: ["trunks"] });
          }}
        />
      </DangerZone>
    </Page>
  );
}

const fieldNames: Readonly<Record<keyof TrunkSettings, MessageId>> = {
  name: "trunk.name",
  enabled: "trunk.enabled",
  sourceNetworks: "trunk.networks",
  transport: "trunk.transport",
  media: "trunk.media",
  certificates: "trunk.certificates",
  personDomains: "trunk.domains",
  numbers: "trunk.numbers",
  matching: "trunk.matching",
  unknown: "trunk.unknown",
};

interface EditProps {
  /** Null: not there yet. */
  readonly id: string | null;
  readonly current: Versioned<TrunkSettings>;
  readonly onSaved: (id: string) => void;
}

function Edit({ id, current, onSaved }: EditProps) {
  const text = useText();
  const queryClient = useQueryClient();
  const [samples, setSamples] = useState("");
  const edit = useEdit<TrunkSettings, Trunk>({
    kind: "trunk",
    id,
    current,
    names: fieldNames,
    send: (sent, etag) => (id === null ? api.createTrunk(sent) : api.changeTrunk(id, sent, etag)),
    onSaved(savedId) {
      void queryClient.invalidateQueries({ queryKey: ["trunks"] });
      onSaved(savedId);
    },
  });
  const { draft } = edit;
  const known = useQuery(trunksQuery).data;

  const lines = samples.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, mostSamples);
  const own = checkTrunk(draft.value, text);
  const ownOfRules = own.filter(({ where }) => where !== "name" && !where.startsWith("sourceNetworks"));
  const trial = useTrial(draft.value, lines, own.every(({ where }) => where === "name") && (draft.changed || lines.length > 0));
  const said = edit.toSay(firstSaid(own, trial.mistakes));

  return (
    <EditForm edit={edit} action={text(id === null ? "trunk.create" : "settings.save")} wrong={own} said={said}>
      <TrunkForm
        draft={draft.value}
        onChange={draft.set}
        mistakes={said}
        warnings={trunkWarnings(draft.value, id, known, text)}
        trial={<TrialPanel typed={samples} onType={setSamples} trial={trial} isBlocked={ownOfRules.length > 0 || trial.mistakes.length > 0} />}
      />
    </EditForm>
  );
}
