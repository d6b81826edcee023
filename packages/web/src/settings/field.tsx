import { Field as FluentField } from "@fluentui/react-components";
import type { ReactElement } from "react";
import s from "./field.module.css";

/** What the server said of fields, by the place in the body: `body.sourceNetworks.1`. */
export type Mistakes = readonly { readonly where: string; readonly message: string }[];

/** Everything that was said of a field and of what is inside it, in one sentence or more. */
export function mistakesAt(mistakes: Mistakes, field: string): string | undefined {
  const mine = mistakes.filter(({ where }) => {
    const place = where.replace(/^body\.?(settings\.)?/, "");
    return place === field || place.startsWith(`${field}.`);
  });
  return mine.length === 0 ? undefined : [...new Set(mine.map(({ message }) => message))].join(" ");
}

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
