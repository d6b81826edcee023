import type { ReactNode } from "react";
import { useText } from "../text.ts";
import s from "./details.module.css";

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** `source_networks`, `startedAt`: names of fields as people read them. */
export const plain = (name: string): string => name.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);

export function Value({ value }: { value: unknown }) {
  const text = useText();
  if (value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return <span className={s.soft}>{text("audit.details.nothing")}</span>;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return <>{String(value)}</>;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    // Names go in a line, sentences have one each.
    if (!value.some((one) => one.endsWith("."))) return <>{value.join(", ")}</>;
    return (
      <ul className={s.sentences}>
        {value.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    );
  }
  return <code>{JSON.stringify(value)}</code>;
}
