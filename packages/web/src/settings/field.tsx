import { Field as FluentField } from "@fluentui/react-components";
import type { ReactElement } from "react";
import s from "./field.module.css";

interface FieldProps {
  readonly label: string;
  /** A line that says what it is for. */
  readonly hint: string;
  readonly mistake?: string | undefined;
  /** What may be meant, and has a consequence; a mistake is said before it. */
  readonly warning?: string | undefined;
  readonly required?: boolean;
  readonly children: ReactElement;
}

export function Field({ label, hint, mistake, warning, required = false, children }: FieldProps) {
  const said = mistake === undefined ? (warning === undefined ? {} : { validationMessage: { children: warning, className: s.warning }, validationState: "warning" as const }) : { validationMessage: mistake, validationState: "error" as const };
  return (
    <FluentField className={s.field} label={label} hint={hint} required={required} {...said}>
      {children}
    </FluentField>
  );
}
