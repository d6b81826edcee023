import { Button, Input, Radio, RadioGroup } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import type { TrunkSettings } from "@earwitness/contract";
import type { ReactNode } from "react";
import { useText } from "../text.ts";
import { Field } from "./field.tsx";
import { MatchingRules } from "./matching-rules.tsx";
import { mistakesAt, placesAt, type Mistakes } from "./mistakes.ts";
import { shortNetwork } from "./network.ts";
import { PemList } from "./pem-list.tsx";
import { Section } from "./section.tsx";
import { Tokens } from "./tokens.tsx";
import type { TrunkWarnings } from "./trunk-warnings.ts";
import s from "./trunk-form.module.css";

interface TrunkFormProps {
  readonly draft: TrunkSettings;
  readonly onChange: (draft: TrunkSettings) => void;
  readonly mistakes: Mistakes;
  readonly warnings: TrunkWarnings;
  /** Stands beside the rules that it tries. */
  readonly trial: ReactNode;
}

/** Everything a person decides of a trunk, in the order in which a call meets it. */
export function TrunkForm({ draft, onChange, mistakes, warnings, trial }: TrunkFormProps) {
  const text = useText();
  const set = <Key extends keyof TrunkSettings>(key: Key, value: TrunkSettings[Key]) => onChange({ ...draft, [key]: value });

  return (
    <>
      <Section title={text("trunk.who")}>
        <Field label={text("trunk.name")} hint={text("trunk.name.hint")} required mistake={mistakesAt(mistakes, "name")}>
          <Input value={draft.name} maxLength={200} onChange={(_, { value }) => set("name", value)} />
        </Field>
        <Field label={text("trunk.networks")} hint={text("trunk.networks.hint")} mistake={mistakesAt(mistakes, "sourceNetworks")} warning={warnings.networks}>
          <Tokens value={draft.sourceNetworks} onChange={(networks) => set("sourceNetworks", networks)} placeholder="192.0.2.7  198.51.100.0/24" show={shortNetwork} wrong={placesAt(mistakes, "sourceNetworks")} />
        </Field>
      </Section>

      <Section title={text("trunk.security")}>
        <Field label={text("trunk.transport")} hint={text("trunk.transport.hint")} warning={warnings.transport}>
          <RadioGroup value={draft.transport} onChange={(_, { value }) => set("transport", value as TrunkSettings["transport"])}>
            <Radio value="any" label={text("trunk.transport.any")} />
            <Radio value="tls" label={text("trunk.transport.tls")} />
          </RadioGroup>
        </Field>
        <Field label={text("trunk.media")} hint={text("trunk.media.hint")}>
          <RadioGroup value={draft.media} onChange={(_, { value }) => set("media", value as TrunkSettings["media"])}>
            <Radio value="any" label={text("trunk.media.any")} />
            <Radio value="srtp" label={text("trunk.media.srtp")} />
          </RadioGroup>
        </Field>
        <Field label={text("trunk.certificates")} hint={text("trunk.certificates.hint")} mistake={mistakesAt(mistakes, "certificates")} warning={warnings.certificates}>
          <PemList value={draft.certificates} onChange={(certificates) => set("certificates", certificates)} />
        </Field>
      </Section>

      <div className={s.beside}>
        <div className={s.rules}>
          <Section title={text("trunk.numbers")} lead={text("trunk.numbers.lead")}>
            <NumberFields draft={draft.numbers} onChange={(numbers) => set("numbers", numbers)} mistakes={mistakes} />
          </Section>
          <Section title={text("trunk.people")} lead={text("trunk.people.lead")}>
            <MatchingRules value={draft.matching} onChange={(matching) => set("matching", matching)} mistakes={mistakes} />
            <Field label={text("trunk.domains")} hint={text("trunk.domains.hint")} mistake={mistakesAt(mistakes, "personDomains")}>
              <Tokens value={draft.personDomains} onChange={(domains) => set("personDomains", domains)} placeholder="contoso.example" wrong={placesAt(mistakes, "personDomains")} />
            </Field>
            <Field label={text("trunk.unknown")} hint={text("trunk.unknown.hint")}>
              <RadioGroup value={draft.unknown} onChange={(_, { value }) => set("unknown", value as TrunkSettings["unknown"])}>
                <Radio value="ignore" label={text("trunk.unknown.ignore")} />
                <Radio value="record" label={text("trunk.unknown.record")} />
              </RadioGroup>
            </Field>
          </Section>
        </div>
        <div className={s.trial}>{trial}</div>
      </div>
    </>
  );
}

type Numbers = TrunkSettings["numbers"];

function NumberFields({ draft, onChange, mistakes }: { draft: Numbers; onChange: (draft: Numbers) => void; mistakes: Mistakes }) {
  const text = useText();
  const change = (changed: Partial<Numbers>) => onChange({ ...draft, ...changed });
  const orNull = (value: string): string | null => (value.trim() === "" ? null : value.trim());
  const examples = { countryCode: "49", internationalPrefix: "00", nationalPrefix: "0" } as const;
  return (
    <>
      <div className={s.prefixes}>
        {(["countryCode", "internationalPrefix", "nationalPrefix"] as const).map((key) => (
          <Field key={key} label={text(`trunk.${key}`)} hint={text(`trunk.${key}.hint`)} mistake={mistakesAt(mistakes, `numbers.${key}`)}>
            <Input className={s.short} value={draft[key] ?? ""} placeholder={examples[key]} inputMode="numeric" onChange={(_, { value }) => change({ [key]: orNull(value) })} />
          </Field>
        ))}
      </div>
      <fieldset className={s.rewrites}>
        <legend>{text("trunk.rewrites")}</legend>
        <span className={s.hint}>{text("trunk.rewrites.hint")}</span>
        {draft.rewrites.map((rewrite, index) => {
          const put = (changed: Partial<typeof rewrite>) => change({ rewrites: draft.rewrites.map((one, at) => (at === index ? { ...one, ...changed } : one)) });
          const mistake = mistakesAt(mistakes, `numbers.rewrites.${index}`);
          return (
            <div key={index} className={s.rewrite}>
              <Input className={s.code} value={rewrite.match} aria-label={text("trunk.rewrite.match")} aria-invalid={mistake !== undefined} spellCheck={false} placeholder="^9(\d+)$" onChange={(_, { value }) => put({ match: value })} />
              <span aria-hidden="true">→</span>
              <Input className={s.code} value={rewrite.replace} aria-label={text("trunk.rewrite.replace")} spellCheck={false} placeholder="$1" onChange={(_, { value }) => put({ replace: value })} />
              <Button appearance="subtle" icon={<DeleteRegular />} aria-label={text("trunk.rewrite.remove", { number: index + 1 })} onClick={() => change({ rewrites: draft.rewrites.filter((_, at) => at !== index) })} />
              {mistake && (
                <span role="alert" className={s.mistake}>
                  {mistake}
                </span>
              )}
            </div>
          );
        })}
        <Button className={s.add} size="small" icon={<AddRegular />} disabled={draft.rewrites.length >= 50} onClick={() => change({ rewrites: [...draft.rewrites, { match: "", replace: "" }] })}>
          {text("trunk.rewrite.add")}
        </Button>
      </fieldset>
    </>
  );
}
