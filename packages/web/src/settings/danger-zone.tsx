import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, DialogTrigger, Field, Input } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import { Section } from "./section.tsx";
import s from "./danger-zone.module.css";

/** What cannot be taken back, or stops recording, stands apart and says what it does. */
export function DangerZone({ children }: { children: ReactNode }) {
  const text = useText();
  return (
    <Section title={text("settings.danger")}>
      <ul className={s.zone}>{children}</ul>
    </Section>
  );
}

export function DangerRow({ title, detail, failure, children }: { title: string; detail: string; failure?: unknown; children: ReactNode }) {
  const words = useProblemWords();
  return (
    <li className={s.row}>
      <div>
        <h3>{title}</h3>
        <p>{detail}</p>
        {failure !== null && failure !== undefined && <p role="alert">{words(problemOf(failure)).detail}</p>}
      </div>
      {children}
    </li>
  );
}

interface DeleteRowProps {
  readonly title: string;
  readonly detail: string;
  /** Has to be typed: nothing goes without being named. */
  readonly name: string;
  readonly action: string;
  readonly onConfirm: () => Promise<void>;
}

export function DeleteRow({ title, detail, name, action, onConfirm }: DeleteRowProps) {
  const text = useText();
  const words = useProblemWords();
  const [typed, setTyped] = useState("");
  const confirm = useMutation({ mutationFn: onConfirm });
  const isNamed = typed.trim() === name.trim();
  return (
    <DangerRow title={title} detail={detail}>
      <Dialog onOpenChange={() => (setTyped(""), confirm.reset())}>
        <DialogTrigger disableButtonEnhancement>
          <Button>{action}</Button>
        </DialogTrigger>
        <DialogSurface>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (isNamed && !confirm.isPending) confirm.mutate();
            }}
          >
            <DialogBody>
              <DialogTitle>{title}</DialogTitle>
              <DialogContent className={s.content}>
                <p>{detail}</p>
                <Field label={text("settings.typeName", { name })}>
                  <Input value={typed} onChange={(_, { value }) => setTyped(value)} autoComplete="off" spellCheck={false} />
                </Field>
                {confirm.isError && <p role="alert">{words(problemOf(confirm.error)).detail}</p>}
              </DialogContent>
              <DialogActions>
                <DialogTrigger disableButtonEnhancement>
                  <Button>{text("settings.cancel")}</Button>
                </DialogTrigger>
                <Button type="submit" appearance="primary" disabled={!isNamed || confirm.isPending}>
                  {action}
                </Button>
              </DialogActions>
            </DialogBody>
          </form>
        </DialogSurface>
      </Dialog>
    </DangerRow>
  );
}
