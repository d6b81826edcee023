import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, ProgressBar } from "@fluentui/react-components";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import { useEffect, useRef } from "react";
import { useText } from "../text.ts";
import { findingOf } from "./finding.ts";
import { Hear } from "./hear.tsx";
import { KeyShown, OwnKeys } from "./keys.tsx";
import { Report } from "./report.tsx";
import { icons } from "./seal-mark.tsx";
import { formatBytes } from "./size.ts";
import { useCheck, type Check } from "./use-check.ts";
import s from "./verify.module.css";

interface VerifyDialogProps {
  readonly interactionId: string;
  readonly tenant: { readonly id: string; readonly name: string };
  /** Null where the reader may not ask for one. */
  readonly onBundle: (() => void) | null;
  readonly onClose: () => void;
}

/** Checks an interaction as soon as it opens; it closes when the reader is done, and stops what runs. */
export function VerifyDialog({ interactionId, tenant, onBundle, onClose }: VerifyDialogProps) {
  const text = useText();
  const { check, start, again, stop } = useCheck(interactionId, tenant.id);
  const begin = useRef(start);
  useEffect(() => begin.current(), []);
  const busy = check.phase === "fetching" || check.phase === "checking";
  return (
    <Dialog
      open
      onOpenChange={(_, { open }) => {
        if (!open) onClose();
      }}
    >
      <DialogSurface className={s.surface}>
        <DialogBody className={s.body}>
          <DialogTitle>{text("verify.title")}</DialogTitle>
          <DialogContent className={s.content}>
            <div role="status" aria-live="polite">
              <Progress check={check} />
              {check.phase === "done" && <Verdict check={check} />}
            </div>
            {check.phase === "failed" && (
              <p role="alert" className={s.verdict} data-result="differs">
                <WarningRegular />
                <span>
                  <strong>{text("verify.failed")}</strong> {check.why}
                </span>
              </p>
            )}
            {check.phase === "done" && (
              <>
                {check.key === "changed" && <KeyChanged served={check.outcome.vkeys.at(-1) ?? null} trusted={check.trust.key} />}
                <p className={s.limits}>{text("verify.limits")}</p>
                {check.key !== "changed" && check.outcome.signedBy !== null && <KeyShown verdict={check.key} vkey={check.outcome.signedBy} tenant={tenant} />}
                <Report report={check.outcome.report} />
                {check.outcome.report.statements.some(({ kind, about }) => kind === "holds" && about === "track") && <Hear archive={check.archive} outcome={check.outcome} />}
                <OwnKeys before={check.trust} busy={busy} onCheck={(trust) => again(check.archive, trust)} />
                <p className={s.soft}>{check.noted === "noted" ? text("verify.noted") : check.noted === "own" ? text("verify.noted.own") : text("verify.noted.failed", { why: check.noted.why })}</p>
              </>
            )}
          </DialogContent>
          <DialogActions>
            {busy && <Button onClick={stop}>{text("verify.stop")}</Button>}
            {(check.phase === "idle" || check.phase === "failed") && <Button onClick={start}>{text("verify.again")}</Button>}
            {check.phase === "done" && onBundle !== null && <Button onClick={onBundle}>{text("bundle.ask")}</Button>}
            <Button appearance="primary" onClick={onClose}>
              {text("app.close")}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

function Progress({ check }: { check: Check }) {
  const text = useText();
  if (check.phase === "idle") return <p>{text("verify.stopped")}</p>;
  if (check.phase === "fetching") return <Bar label={text("verify.fetching", { size: formatBytes(check.bytes) })} />;
  if (check.phase === "checking") return <Bar label={text("verify.checking")} share={check.share} />;
  return null;
}

export function Bar({ label, share }: { label: string; share?: number }) {
  return (
    <div className={s.progress}>
      <span>{label}</span>
      <ProgressBar aria-label={label} {...(share === undefined ? {} : { value: share })} />
    </div>
  );
}

function Verdict({ check: { outcome } }: { check: Extract<Check, { phase: "done" }> }) {
  const text = useText();
  const { result } = findingOf(outcome, "");
  const count = outcome.report.statements.filter(({ kind }) => kind === "not checked").length;
  return (
    <p className={s.verdict} data-result={result}>
      {icons[result]}
      <span>
        <strong>{text(`verify.${result}`)}</strong> {text("verify.open", { count })}
      </span>
    </p>
  );
}

function KeyChanged({ served, trusted }: { served: string | null; trusted: string | null }) {
  const text = useText();
  return (
    <section role="alert" className={s.changed}>
      <h3>
        <WarningRegular />
        {text("verify.changed.title")}
      </h3>
      <p>{text("verify.changed")}</p>
      <dl>
        <dt>{text("verify.changed.trusted")}</dt>
        <dd>
          <code>{trusted}</code>
        </dd>
        <dt>{text("verify.changed.served")}</dt>
        <dd>
          <code>{served}</code>
        </dd>
      </dl>
      <p>{text("verify.changed.next")}</p>
    </section>
  );
}
