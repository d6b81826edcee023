import { Button, Input, Radio, RadioGroup, Switch } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import type { TrunkSettings } from "@earwitness/contract";
import { useText } from "../text.ts";
import { Field, mistakesAt, type Mistakes } from "./field.tsx";
import { Lines } from "./lines.tsx";
import { MatchingRules } from "./matching-rules.tsx";
import { PemList } from "./pem-list.tsx";
import { Section } from "./section.tsx";
import s from "./trunk-form.module.css";

interface TrunkFormProps {
  readonly draft: TrunkSettings;
  readonly onChange: (draft: TrunkSettings) => void;
  readonly mistakes: Mistakes;
}

/** Everything a person decides of a trunk, in the order in which a call meets it. */
export function TrunkForm({ draft, onChange, mistakes }: TrunkFormProps) {
  const text = useText();
  const set = <Key extends keyof TrunkSettings>(key: Key, value: TrunkSettings[Key]) => onChange({ ...draft, [key]: value });
  const { numbers } = draft;
  const setNumbers = (change: Partial<TrunkSettings["numbers"]>) => set("numbers", { ...numbers, ...change });
  const orNull = (value: string): string | null => (value.trim() === "" ? null : value.trim());

  return (
    <>
      <Section title={text("trunk.who")}>
        <Field label={text("trunk.name")} hint={text("trunk.name.hint")} required mistake={mistakesAt(mistakes, "name")}>
          <Input value={draft.name} onChange={(_, { value }) => set("name", value)} />
        </Field>
        <Field label={text("trunk.networks")} hint={text("trunk.networks.hint")} mistake={mistakesAt(mistakes, "sourceNetworks")}>
          <Lines value={draft.sourceNetworks} onChange={(lines) => set("sourceNetworks", lines)} placeholder={"192.0.2.7\n198.51.100.0/24"} />
        </Field>
        <Field label={text("trunk.enabled")} hint={text("trunk.enabled.hint")}>
          <Switch checked={draft.enabled} onChange={(_, { checked }) => set("enabled", checked)} label={text(draft.enabled ? "trunk.enabled.on" : "trunk.enabled.off")} />
        </Field>
      </Section>

      <Section title={text("trunk.security")}>
        <Field label={text("trunk.transport")} hint={text("trunk.transport.hint")}>
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
        <Field label={text("trunk.certificates")} hint={text("trunk.certificates.hint")} mistake={mistakesAt(mistakes, "certificates")}>
          <PemList value={draft.certificates} onChange={(certificates) => set("certificates", certificates)} />
        </Field>
      </Section>

      <Section title={text("trunk.numbers")} lead={text("trunk.numbers.lead")}>
        <div className={s.row}>
          <Field label={text("trunk.countryCode")} hint={text("trunk.countryCode.hint")} mistake={mistakesAt(mistakes, "numbers.countryCode")}>
            <Input value={numbers.countryCode ?? ""} placeholder="49" inputMode="numeric" onChange={(_, { value }) => setNumbers({ countryCode: orNull(value) })} />
          </Field>
          <Field label={text("trunk.internationalPrefix")} hint={text("trunk.internationalPrefix.hint")} mistake={mistakesAt(mistakes, "numbers.internationalPrefix")}>
            <Input value={numbers.internationalPrefix ?? ""} placeholder="00" inputMode="numeric" onChange={(_, { value }) => setNumbers({ internationalPrefix: orNull(value) })} />
          </Field>
          <Field label={text("trunk.nationalPrefix")} hint={text("trunk.nationalPrefix.hint")} mistake={mistakesAt(mistakes, "numbers.nationalPrefix")}>
            <Input value={numbers.nationalPrefix ?? ""} placeholder="0" inputMode="numeric" onChange={(_, { value }) => setNumbers({ nationalPrefix: orNull(value) })} />
          </Field>
        </div>
        <div className={s.rewrites}>
          <span className={s.label}>{text("trunk.rewrites")}</span>
          <span className={s.hint}>{text("trunk.rewrites.hint")}</span>
          {numbers.rewrites.map((rewrite, index) => {
            const change = (changed: Partial<typeof rewrite>) => setNumbers({ rewrites: numbers.rewrites.map((one, at) => (at === index ? { ...one, ...changed } : one)) });
            const mistake = mistakesAt(mistakes, `numbers.rewrites.${index}`);
            return (
              <div key={index} className={s.rewrite}>
                <Input value={rewrite.match} aria-label={text("trunk.rewrite.match")} placeholder="^9(\d+)$" onChange={(_, { value }) => change({ match: value })} />
                <span aria-hidden="true">→</span>
                <Input value={rewrite.replace} aria-label={text("trunk.rewrite.replace")} placeholder="$1" onChange={(_, { value }) => change({ replace: value })} />
                <Button appearance="subtle" icon={<DeleteRegular />} aria-label={text("trunk.rewrite.remove")} onClick={() => setNumbers({ rewrites: numbers.rewrites.filter((_, at) => at !== index) })} />
                {mistake && (
                  <span role="alert" className={s.mistake}>
                    {mistake}
                  </span>
                )}
              </div>
            );
          })}
          <Button className={s.add} size="small" icon={<AddRegular />} onClick={() => setNumbers({ rewrites: [...numbers.rewrites, { match: "", replace: "" }] })}>
            {text("trunk.rewrite.add")}
          </Button>
        </div>
      </Section>

      <Section title={text("trunk.people")} lead={text("trunk.people.lead")}>
        <MatchingRules value={draft.matching} onChange={(matching) => set("matching", matching)} mistakes={mistakes} />
        <Field label={text("trunk.domains")} hint={text("trunk.domains.hint")} mistake={mistakesAt(mistakes, "personDomains")}>
          <Lines value={draft.personDomains} onChange={(lines) => set("personDomains", lines)} placeholder="contoso.example" rows={2} />
        </Field>
        <Field label={text("trunk.unknown")} hint={text("trunk.unknown.hint")}>
          <RadioGroup value={draft.unknown} onChange={(_, { value }) => set("unknown", value as TrunkSettings["unknown"])}>
            <Radio value="ignore" label={text("trunk.unknown.ignore")} />
            <Radio value="record" label={text("trunk.unknown.record")} />
          </RadioGroup>
        </Field>
      </Section>
    </>
  );
}
