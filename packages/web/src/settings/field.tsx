import { Field as FluentField } from "@fluentui/react-components";
import type { ReactElement } from "react";
import s from "./field.module.css";

interface FieldProps {
  readonly label: string;
  /** A line that says what it is for. */
  readonly hint: string;
  readonly mistake?: string | undefined;
  readonly required?: boolean;
  readonly children: ReactElement;
}

export function Field({ label, hint, mistake, required = false, children }: FieldProps) {
  return (
    <FluentField className={s.field} label={label} hint={hint} required={required} {...(mistake === undefined ? {} : { validationMessage: mistake, validationState: "error" as const })}>
      {children}
    </FluentField>
  );
}
