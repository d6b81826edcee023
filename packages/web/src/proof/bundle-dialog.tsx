import { Button, Checkbox, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Field, Input } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons/svg/arrow-download";
import { KeyMultipleRegular } from "@fluentui/react-icons/svg/key-multiple";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { mostBundledInteractions, type SessionInfo } from "@earwitness/contract";
import { api, problemOf } from "../api.ts";
import { CopyButton } from "../call/copy.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import { openArchive } from "./check.ts";
import { save } from "./receive.ts";
import { formatBytes } from "./size.ts";
import { Bar } from "./verify-dialog.tsx";
import s from "./verify.module.css";

interface BundleDialogProps {
  readonly ids: readonly string[];
  readonly tenant: SessionInfo["tenant"];
  readonly onClose: () => void;
}

/** Asks for an evidence bundle. What was typed stays until it is done with, whatever fails. */
export function BundleDialog({ ids, tenant, onClose }: BundleDialogProps) {
  const text = useText();
  const words = useProblemWords();
  const [reason, setReason] = useState("");
  const [vcon, setVcon] = useState(false);
  const [touched, setTouched] = useState(false);
  const [bytes, setBytes] = useState(0);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const tooMany = ids.length > mostBundledInteractions;
  const hasReason = reason.trim() !== "";

  const bundle = useMutation({
    mutationFn: async () => {
      abort.current = new AbortController();
      setBytes(0);
      const { file, name } = await api.exportBundle({ reason: reason.trim(), interactions: [...ids], ...(vcon && { vcon }) }, setBytes, abort.current.signal).catch((error: unknown) => {
        // The server ends an archive that it cannot finish: an answer that began and broke off.
        if (error instanceof TypeError) throw new Error(text("bundle.cutOff"));
        throw error;
      });
      await openArchive(file).catch(() => {
        throw new Error(text("bundle.cutOff"));
      });
      save(file, name);
      return { name, sizeBytes: file.size };
    },
  });
  const stopped = bundle.isError && abort.current?.signal.aborted === true;

  return (
    <Dialog
      open
      onOpenChange={(_, { open }) => {
        if (!open) onClose();
      }}
    >
      <DialogSurface className={s.surface}>
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            setTouched(true);
            if (hasReason && !tooMany && !bundle.isPending) bundle.mutate();
          }}
        >
          <DialogBody className={s.body}>
            <DialogTitle>{text("bundle.title", { count: ids.length })}</DialogTitle>
            <DialogContent className={s.content}>
              {bundle.isSuccess ? (
                <Done name={bundle.data.name} sizeBytes={bundle.data.sizeBytes} tenant={tenant} />
              ) : (
                <div className={s.form}>
                  <p>{text("bundle.what")}</p>
                  <Field label={text("bundle.reason")} hint={text("bundle.reason.hint")} required {...(touched && !hasReason ? { validationState: "error", validationMessage: text("bundle.reason.missing") } : {})}>
                    <Input value={reason} maxLength={1_000} disabled={bundle.isPending} onChange={(_, { value }) => setReason(value)} autoFocus />
                  </Field>
                  <Checkbox checked={vcon} disabled={bundle.isPending} onChange={(_, { checked }) => setVcon(checked === true)} label={text("bundle.vcon")} />
                  {bundle.isPending && <Bar label={text("bundle.running", { size: formatBytes(bytes) })} />}
                  {tooMany && <p role="alert">{text("bundle.tooMany", { most: mostBundledInteractions })}</p>}
                  {bundle.isError && (
                    <p role="alert" className={s.verdict} data-result="differs">
                      <span>
                        <strong>{text(stopped ? "bundle.stopped" : "bundle.failed")}</strong> {!stopped && words(problemOf(bundle.error)).detail}
                      </span>
                    </p>
                  )}
                </div>
              )}
            </DialogContent>
            <DialogActions>
              {bundle.isPending && <Button onClick={() => abort.current?.abort()}>{text("bundle.stop")}</Button>}
              {!bundle.isSuccess && !bundle.isPending && <Button onClick={onClose}>{text("settings.cancel")}</Button>}
              {bundle.isSuccess ? (
                <Button appearance="primary" onClick={onClose}>
                  {text("app.close")}
                </Button>
              ) : (
                <Button type="submit" appearance="primary" icon={<ArrowDownloadRegular />} disabled={bundle.isPending || tooMany}>
                  {text("bundle.make")}
                </Button>
              )}
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}

function Done({ name, sizeBytes, tenant }: { name: string; sizeBytes: number; tenant: SessionInfo["tenant"] }) {
  const text = useText();
  const words = useProblemWords();
  const keyFile = `${tenant.slug}.vkey`;
  const command = `earwitness verify ${name} --key ${keyFile}`;
  const key = useMutation({
    mutationFn: async () => {
      const vkey = await api.logKey(tenant.id);
      if (vkey === null) throw new Error(text("bundle.key.none"));
      save(new Blob([`${vkey}\n`], { type: "text/plain" }), keyFile);
    },
  });
  return (
    <div className={s.form}>
      <p role="status">
        <strong>{text("bundle.done", { name, size: formatBytes(sizeBytes) })}</strong>
      </p>
      <p>{text("bundle.check")}</p>
      <ol className={s.steps}>
        <li>{text("bundle.check.page")}</li>
        <li>
          {text("bundle.check.command")}
          <span className={s.command}>
            <code>{command}</code>
            <CopyButton what={text("bundle.command")} value={command} />
          </span>
        </li>
      </ol>
      <div>
        <Button icon={<KeyMultipleRegular />} onClick={() => key.mutate()} disabled={key.isPending}>
          {text("bundle.key", { name: keyFile })}
        </Button>
      </div>
      {key.isError && <p role="alert">{words(problemOf(key.error)).detail}</p>}
      <p className={s.soft}>{text("bundle.key.why", { tenant: tenant.name })}</p>
    </div>
  );
}
