import { Button, MessageBar, MessageBarActions, MessageBarBody } from "@fluentui/react-components";
import { ArrowLeftRegular } from "@fluentui/react-icons/svg/arrow-left";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import type { TrunkSettings } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api, problemOf, type Versioned } from "../api.ts";
import { Fault, useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { trunkQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Connect } from "./connect.tsx";
import { DangerZone } from "./danger-zone.tsx";
import { Invitations } from "./invitations.tsx";
import { Page } from "./page.tsx";
import { Section } from "./section.tsx";
import { Trial } from "./trial.tsx";
import { keepDraft, newTrunk, readDraft } from "./trunk-draft.ts";
import { TrunkForm } from "./trunk-form.tsx";
import s from "./trunk-page.module.css";

export function NewTrunkPage() {
  const text = useText();
  const navigate = useNavigate();
  return (
    <Page title={text("trunks.new")} back={<Back />} lead={text("trunk.new.lead")}>
      <Edit id={null} saved={newTrunk} etag={null} onSaved={(id) => void navigate({ ...pages.trunk(id), replace: true })} />
    </Page>
  );
}

export function TrunkPage() {
  const text = useText();
  const navigate = useNavigate();
  const { id } = useParams({ from: "/signed-in/settings/trunks/$id" });
  const query = useQuery(trunkQuery(id));
  if (query.isPending) return <Page title={text("trunks.page")} back={<Back />} note={text("settings.loading")} children={null} />;
  if (query.isError && !query.data) return <Fault alone error={query.error} icon={<PlugDisconnectedRegular />} onRetry={() => void query.refetch()} />;
  const { value: trunk, etag } = query.data;
  return (
    <Page title={trunk.settings.name} back={<Back />} note={text(trunk.settings.enabled ? "trunk.on" : "trunks.state.off")}>
      {trunk.certificateProblems.map((problem) => (
        <MessageBar key={problem} intent="warning">
          <MessageBarBody>{problem}</MessageBarBody>
        </MessageBar>
      ))}
      <Section title={text("trunk.connect")} lead={text("trunk.connect.lead")}>
        <Connect trunk={trunk} />
      </Section>
      <Section title={text("trunk.invitations")} lead={text("trunk.invitations.lead")}>
        <Invitations trunk={id} />
      </Section>
      <Edit key={id} id={id} saved={trunk.settings} etag={etag} onSaved={() => undefined} />
      <DangerZone
        title={text("trunk.delete.title")}
        detail={text("trunk.delete.detail")}
        name={trunk.settings.name}
        action={text("trunk.delete")}
        onConfirm={async () => {
          await api.deleteTrunk(id);
          keepDraft(id, null);
          await navigate(pages.trunks());
        }}
      />
    </Page>
  );
}

function Back() {
  const text = useText();
  return (
    <Link {...pages.trunks()} className={s.back}>
      <ArrowLeftRegular /> {text("trunks.page")}
    </Link>
  );
}

interface EditProps {
  /** Null: not there yet. */
  readonly id: string | null;
  readonly saved: TrunkSettings;
  readonly etag: string | null;
  readonly onSaved: (id: string) => void;
}

const same = (one: TrunkSettings, other: TrunkSettings): boolean => JSON.stringify(one) === JSON.stringify(other);

function Edit({ id, saved, etag, onSaved }: EditProps) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState(() => readDraft(id) ?? saved);
  /** What the draft began from. While nothing is typed, the form shows what others save. */
  const [base, setBase] = useState({ saved, etag });
  const changed = !same(draft, base.saved);
  useEffect(() => {
    if (!changed && !same(saved, base.saved)) setDraft(saved);
    if (!changed && etag !== base.etag) setBase({ saved, etag });
  }, [base, changed, etag, saved]);
  useEffect(() => keepDraft(id, changed ? draft : null), [changed, draft, id]);

  const save = useMutation({
    mutationFn: async (given: TrunkSettings) => (id === null ? await api.createTrunk(given) : await api.changeTrunk(id, given, base.etag)),
    onSuccess: async (trunk) => {
      keepDraft(id, null);
      setBase({ saved: trunk.settings, etag: null });
      setDraft(trunk.settings);
      if (id !== null) {
        const fresh: Versioned<typeof trunk> = await queryClient.fetchQuery({ ...trunkQuery(id), staleTime: 0 });
        setBase({ saved: fresh.value.settings, etag: fresh.etag });
        setDraft(fresh.value.settings);
      }
      void queryClient.invalidateQueries({ queryKey: ["trunks"] });
      onSaved(trunk.id);
    },
  });
  const problem = save.isError ? problemOf(save.error) : null;
  const isConflict = problem?.status === 412;

  const takeTheirs = async () => {
    const fresh = await queryClient.fetchQuery({ ...trunkQuery(id!), staleTime: 0 });
    setBase({ saved: fresh.value.settings, etag: fresh.etag });
    save.reset();
  };

  return (
    <form
      className={s.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(draft);
      }}
    >
      <TrunkForm draft={draft} onChange={setDraft} mistakes={problem?.errors ?? []} />
      <Section title={text("trunk.trial")} lead={text("trunk.trial.lead")}>
        <Trial settings={draft} />
      </Section>
      <footer className={s.footer}>
        {problem && (
          <MessageBar intent={isConflict ? "warning" : "error"} className={s.problem} role="alert">
            <MessageBarBody>{isConflict ? text("settings.conflict") : (problem.errors?.length ?? 0) > 0 ? text("settings.mistakes", { count: problem.errors!.length, detail: problem.detail ?? "" }) : words(problem).detail}</MessageBarBody>
            {isConflict && (
              <MessageBarActions>
                <Button onClick={() => void takeTheirs()}>{text("settings.conflict.keep")}</Button>
              </MessageBarActions>
            )}
          </MessageBar>
        )}
        <div className={s.actions}>
          <Button type="submit" appearance="primary" disabled={!changed || save.isPending}>
            {text(id === null ? "trunk.create" : "settings.save")}
          </Button>
          <Button disabled={!changed || save.isPending} onClick={() => (setDraft(base.saved), save.reset())}>
            {text("settings.discard")}
          </Button>
          <span role="status" className={s.state}>
            {save.isPending ? text("settings.saving") : save.isSuccess && !changed ? text("settings.saved") : changed ? text("settings.unsaved") : ""}
          </span>
        </div>
      </footer>
    </form>
  );
}
