import { Button, Field, Textarea } from "@fluentui/react-components";
import { noteTypes } from "@earwitness/verify";
import { useState } from "react";
import { CopyButton } from "../call/copy.tsx";
import { useReader, useText } from "../text.ts";
import { formatClock, formatDate } from "../time.ts";
import { readKey, type Trust } from "./check.ts";
import { fingerprint, knownKey, type KeyVerdict } from "./log-key.ts";
import s from "./verify.module.css";

/** Against which key it was checked; what it is worth depends on where that key came from. */
export function KeyShown({ verdict, vkey, tenant }: { verdict: Exclude<KeyVerdict, "changed">; vkey: string; tenant: { readonly id: string; readonly name: string } }) {
  const text = useText();
  const reader = useReader();
  const { name, id } = fingerprint(vkey);
  const known = knownKey(tenant.id);
  const since = known === null ? "" : `${formatDate(known.since, reader)}, ${formatClock(known.since, reader)}`;
  return (
    <section className={s.key}>
      <h3>{text("verify.key")}</h3>
      <p>{text(verdict === "same" && known?.given === true ? "verify.key.given" : `verify.key.${verdict}`, { tenant: tenant.name, since })}</p>
      <dl>
        <dt>{text("verify.key.name")}</dt>
        <dd>{name}</dd>
        <dt>{text("verify.key.id")}</dt>
        <dd className="numbers">{id}</dd>
        <dt>{text("verify.key.whole")}</dt>
        <dd className={s.vkey}>
          <code>{vkey}</code>
          <CopyButton what={text("verify.key.whole")} value={vkey} />
        </dd>
      </dl>
    </section>
  );
}

/** Keys that somebody holds from elsewhere. */
export function OwnKeys({ before, busy, onCheck }: { before: Trust; busy: boolean; onCheck: (trust: Trust) => void }) {
  const text = useText();
  const [key, setKey] = useState("");
  const [witnesses, setWitnesses] = useState(before.witnesses.join("\n"));
  const [authorities, setAuthorities] = useState(before.authorities);
  const [mistakes, setMistakes] = useState<{ key?: string; witnesses?: string }>({});
  const lines = (value: string) => value.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));

  function check(): void {
    const wrong = { ...mistakeIn("key", lines(key), noteTypes.ed25519), ...mistakeIn("witnesses", lines(witnesses), noteTypes.cosignature) };
    setMistakes(wrong);
    if (Object.keys(wrong).length === 0) onCheck({ key: lines(key)[0] ?? before.key, witnesses: lines(witnesses), authorities });
  }
  const field = (mistake: string | undefined) => (mistake === undefined ? {} : { validationMessage: mistake, validationState: "error" as const });
  return (
    <details className={s.own}>
      <summary>{text("verify.own")}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          check();
        }}
      >
        <Field label={text("verify.own.key")} hint={text("verify.own.key.hint")} {...field(mistakes.key)}>
          <Textarea value={key} onChange={(_, { value }) => setKey(value)} rows={2} spellCheck={false} placeholder="name+hash+base64" />
        </Field>
        <Field label={text("verify.own.witnesses")} hint={text("verify.own.witnesses.hint")} {...field(mistakes.witnesses)}>
          <Textarea value={witnesses} onChange={(_, { value }) => setWitnesses(value)} rows={2} spellCheck={false} />
        </Field>
        <Field label={text("verify.own.authorities")} hint={text("verify.own.authorities.hint")}>
          <Textarea value={authorities} onChange={(_, { value }) => setAuthorities(value)} rows={2} spellCheck={false} placeholder="-----BEGIN CERTIFICATE-----" />
        </Field>
        <Button type="submit" disabled={busy}>
          {text("verify.own.check")}
        </Button>
      </form>
    </details>
  );
}

function mistakeIn(name: "key" | "witnesses", keys: readonly string[], type: number): { key?: string; witnesses?: string } {
  try {
    for (const one of keys) readKey(one, type);
    return {};
  } catch (error) {
    return { [name]: `${error instanceof Error ? error.message : String(error)}.` };
  }
}
