import { Textarea } from "@fluentui/react-components";
import type { TrunkSettings } from "@earwitness/contract";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { api, problemOf } from "../api.ts";
import { useText } from "../text.ts";
import s from "./trial.module.css";

/** Tries the draft on addresses as the border controller writes them; nothing is saved. */
export function Trial({ settings }: { settings: TrunkSettings }) {
  const text = useText();
  const [typed, setTyped] = useState("");
  const samples = useDeferredValue(typed)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .slice(0, 20);
  // The rules alone are tried: a draft without a name yet is as good.
  const tried = useDeferredValue({ ...settings, name: settings.name || "draft" });
  const trial = useQuery({ queryKey: ["trial", tried, samples], queryFn: () => api.tryTrunk(tried, samples), enabled: samples.length > 0, placeholderData: keepPreviousData, retry: false });
  return (
    <div className={s.trial}>
      <Textarea value={typed} onChange={(_, { value }) => setTyped(value)} rows={4} resize="vertical" aria-label={text("trunk.trial.samples")} placeholder={"sip:+49301234567@sbc.example;user=phone\n00441632960001\n4711"} className={s.samples} />
      <div className={s.results} aria-live="polite">
        {samples.length === 0 ? (
          <p className={s.none}>{text("trunk.trial.none")}</p>
        ) : trial.isError ? (
          <p role="alert">{problemOf(trial.error).errors?.map(({ message }) => message).join(" ") ?? problemOf(trial.error).detail}</p>
        ) : (
          <ul>
            {trial.data?.results.map((result, index) => (
              <li key={index}>
                <code>{result.sample}</code>
                <b>{result.address}</b>
                <span>
                  {result.person === null ? text("trunk.trial.nobody") : text(result.person.recorded ? "trunk.trial.person" : "trunk.trial.unrecorded", { name: result.person.name })} {result.explanation}
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
