import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, DialogTrigger, Field, Input } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import s from "./danger-zone.module.css";

interface DangerZoneProps {
  readonly title: string;
  readonly detail: string;
  /** Has to be typed. */
  readonly name: string;
  readonly action: string;
  readonly onConfirm: () => Promise<void>;
}

/** Nothing dangerous happens without naming the thing. */
export function DangerZone({ title, detail, name, action, onConfirm }: DangerZoneProps) {
  const text = useText();
  const words = useProblemWords();
  const [typed, setTyped] = useState("");
  const confirm = useMutation({ mutationFn: onConfirm });
  return (
    <section className={s.zone}>
      <div>
        <h2>{title}</h2>
        <p>{detail}</p>
      </div>
      <Dialog onOpenChange={() => (setTyped(""), confirm.reset())}>
        <DialogTrigger disableButtonEnhancement>
          <Button>{action}</Button>
        </DialogTrigger>
        <DialogSurface>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              confirm.mutate();
            }}
          >
            <DialogBody>
              <DialogTitle>{title}</DialogTitle>
              <DialogContent className={s.content}>
                <p>{detail}</p>
                <Field label={text("settings.typeName", { name })}>
                  <Input value={typed} onChange={(_, { value }) => setTyped(value)} autoComplete="off" />
                </Field>
                {confirm.isError && <p role="alert">{words(problemOf(confirm.error)).detail}</p>}
              </DialogContent>
              <DialogActions>
                <DialogTrigger disableButtonEnhancement>
                  <Button>{text("settings.cancel")}</Button>
                </DialogTrigger>
                <Button type="submit" appearance="primary" disabled={typed.trim() !== name.trim() || confirm.isPending}>
                  {action}
                </Button>
              </DialogActions>
            </DialogBody>
          </form>
        </DialogSurface>
      </Dialog>
    </section>
  );
}
