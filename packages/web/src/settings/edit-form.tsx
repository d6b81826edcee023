import { useRef, type ReactNode } from "react";
import { SaveBar } from "./save-bar.tsx";
import type { Mistakes } from "./mistakes.ts";
import type { Edit } from "./use-edit.ts";
import s from "./edit-form.module.css";

interface EditFormProps<T> {
  readonly edit: Edit<T>;
  readonly action: string;
  /** What keeps the form from being sent. */
  readonly wrong: Mistakes;
  /** What is said of it by now, at the fields. */
  readonly said: Mistakes;
  readonly children: ReactNode;
}

/** Fields, and below them the bar that saves. A try with mistakes leads to the first of them. */
export function EditForm<T>({ edit, action, wrong, said, children }: EditFormProps<T>) {
  const form = useRef<HTMLFormElement>(null);
  return (
    <form
      ref={form}
      className={s.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        edit.submit(wrong);
        requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      }}
    >
      {children}
      <SaveBar
        action={action}
        changed={edit.draft.changed}
        saving={edit.saving}
        saved={edit.saved}
        mistakes={new Set(said.map(({ where }) => where)).size}
        failure={edit.failure}
        news={edit.news}
        onDiscard={edit.discard}
      />
    </form>
  );
}
