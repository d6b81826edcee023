import { Button, Input, Select } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { ArrowDownRegular } from "@fluentui/react-icons/svg/arrow-down";
import { ArrowUpRegular } from "@fluentui/react-icons/svg/arrow-up";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import type { PersonMatch } from "@earwitness/contract";
import { useText } from "../text.ts";
import { mistakesAt, type Mistakes } from "./field.tsx";
import s from "./matching-rules.module.css";

const fresh: Readonly<Record<PersonMatch["by"], PersonMatch>> = {
  address: { by: "address" },
  number: { by: "number" },
  extension: { by: "extension", digits: 4 },
  pattern: { by: "pattern", match: "", address: "" },
};

interface MatchingRulesProps {
  readonly value: readonly PersonMatch[];
  readonly onChange: (rules: PersonMatch[]) => void;
  readonly mistakes: Mistakes;
}

/** Ways from a participant to a person, tried from the top. */
export function MatchingRules({ value, onChange, mistakes }: MatchingRulesProps) {
  const text = useText();
  const put = (index: number, rule: PersonMatch) => onChange(value.map((one, at) => (at === index ? rule : one)));
  const move = (from: number, to: number) => {
    const moved = [...value];
    moved.splice(to, 0, ...moved.splice(from, 1));
    onChange(moved);
  };
  return (
    <div className={s.rules}>
      <ol className={s.list} aria-label={text("trunk.matching")}>
        {value.map((rule, index) => {
          const mistake = mistakesAt(mistakes, `matching.${index}`);
          return (
            <li key={index} className={s.rule}>
              <Select value={rule.by} aria-label={text("trunk.matching.by")} onChange={(_, { value: by }) => put(index, fresh[by as PersonMatch["by"]])}>
                {Object.keys(fresh).map((by) => (
                  <option key={by} value={by}>
                    {text(`trunk.matching.${by as PersonMatch["by"]}`)}
                  </option>
                ))}
              </Select>
              <span className={s.detail}>
                {rule.by === "extension" && (
                  <Input type="number" min={3} max={15} value={String(rule.digits)} aria-label={text("trunk.matching.digits")} contentAfter={text("trunk.matching.digits.unit")} onChange={(_, { value: digits }) => put(index, { ...rule, digits: Number(digits) })} />
                )}
                {rule.by === "pattern" && (
                  <>
                    <Input className={s.code} value={rule.match} aria-label={text("trunk.matching.match")} placeholder="^sip:(\d{4})@pbx" onChange={(_, { value: match }) => put(index, { ...rule, match })} />
                    <span aria-hidden="true">→</span>
                    <Input className={s.code} value={rule.address} aria-label={text("trunk.matching.result")} placeholder="+4930555$1" onChange={(_, { value: address }) => put(index, { ...rule, address })} />
                  </>
                )}
                {(rule.by === "address" || rule.by === "number") && <span className={s.explained}>{text(`trunk.matching.${rule.by}.hint`)}</span>}
              </span>
              <span className={s.tools}>
                <Button appearance="subtle" size="small" icon={<ArrowUpRegular />} disabled={index === 0} aria-label={text("trunk.matching.up")} onClick={() => move(index, index - 1)} />
                <Button appearance="subtle" size="small" icon={<ArrowDownRegular />} disabled={index === value.length - 1} aria-label={text("trunk.matching.down")} onClick={() => move(index, index + 1)} />
                <Button appearance="subtle" size="small" icon={<DeleteRegular />} disabled={value.length === 1} aria-label={text("trunk.matching.remove")} onClick={() => onChange(value.filter((_, at) => at !== index))} />
              </span>
              {mistake && (
                <span role="alert" className={s.mistake}>
                  {mistake}
                </span>
              )}
            </li>
          );
        })}
      </ol>
      <Button className={s.add} size="small" icon={<AddRegular />} onClick={() => onChange([...value, fresh.extension])}>
        {text("trunk.matching.add")}
      </Button>
    </div>
  );
}
