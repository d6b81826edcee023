import { Button, Input, Select } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { ArrowDownRegular } from "@fluentui/react-icons/svg/arrow-down";
import { ArrowUpRegular } from "@fluentui/react-icons/svg/arrow-up";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import type { PersonMatch } from "@earwitness/contract";
import { useRef } from "react";
import { useText } from "../text.ts";
import { mistakesAt, type Mistakes } from "./mistakes.ts";
import s from "./matching-rules.module.css";

const fresh: Readonly<Record<PersonMatch["by"], PersonMatch>> = {
  address: { by: "address" },
  number: { by: "number" },
  extension: { by: "extension", digits: 4 },
  pattern: { by: "pattern", match: "", address: "" },
};
const ways = Object.keys(fresh) as PersonMatch["by"][];
const mostRules = 20;

interface MatchingRulesProps {
  readonly value: readonly PersonMatch[];
  readonly onChange: (rules: PersonMatch[]) => void;
  readonly mistakes: Mistakes;
}

/** Ways from a participant to a person, tried from the top. */
export function MatchingRules({ value, onChange, mistakes }: MatchingRulesProps) {
  const text = useText();
  const list = useRef<HTMLOListElement>(null);
  const put = (index: number, rule: PersonMatch) => onChange(value.map((one, at) => (at === index ? rule : one)));
  const move = (from: number, by: 1 | -1) => {
    const moved = [...value];
    moved.splice(from + by, 0, ...moved.splice(from, 1));
    onChange(moved);
    // The focus goes with the rule, so that pressing again moves it on; at an end it turns to the other button.
    requestAnimationFrame(() => list.current?.children[from + by]?.querySelector<HTMLElement>(`[data-move="${by}"]:not(:disabled), [data-move]:not(:disabled)`)?.focus());
  };
  return (
    <div className={s.rules}>
      <ol ref={list} className={s.list} aria-label={text("trunk.matching")}>
        {value.map((rule, index) => {
          const mistake = mistakesAt(mistakes, `matching.${index}`);
          const number = index + 1;
          return (
            <li key={index} className={s.rule}>
              <span className={s.number} aria-hidden="true">
                {number}
              </span>
              <Select className={s.by} value={rule.by} aria-label={text("trunk.matching.by", { number })} onChange={(_, { value: by }) => put(index, fresh[by as PersonMatch["by"]])}>
                {ways.map((by) => (
                  <option key={by} value={by}>
                    {text(`trunk.matching.${by}`)}
                  </option>
                ))}
              </Select>
              <span className={s.tools}>
                <Button appearance="subtle" size="small" icon={<ArrowUpRegular />} data-move="-1" disabled={index === 0} aria-label={text("trunk.matching.up", { number })} onClick={() => move(index, -1)} />
                <Button appearance="subtle" size="small" icon={<ArrowDownRegular />} data-move="1" disabled={index === value.length - 1} aria-label={text("trunk.matching.down", { number })} onClick={() => move(index, 1)} />
                <Button appearance="subtle" size="small" icon={<DeleteRegular />} disabled={value.length === 1} aria-label={text("trunk.matching.remove", { number })} onClick={() => onChange(value.filter((_, at) => at !== index))} />
              </span>
              <div className={s.detail}>
                <Detail rule={rule} onChange={(changed) => put(index, changed)} isWrong={mistake !== undefined} />
              </div>
              {mistake && (
                <span role="alert" className={s.mistake}>
                  {mistake}
                </span>
              )}
            </li>
          );
        })}
      </ol>
      <Button className={s.add} size="small" icon={<AddRegular />} disabled={value.length >= mostRules} onClick={() => onChange([...value, fresh.extension])}>
        {text("trunk.matching.add")}
      </Button>
    </div>
  );
}

function Detail({ rule, onChange, isWrong }: { rule: PersonMatch; onChange: (rule: PersonMatch) => void; isWrong: boolean }) {
  const text = useText();
  if (rule.by === "extension") {
    return (
      <label className={s.extension}>
        <Input className={s.digits} size="small" type="number" min={3} max={15} value={String(rule.digits)} aria-label={text("trunk.matching.digits")} aria-invalid={isWrong} onChange={(_, { value }) => onChange({ ...rule, digits: Math.trunc(Number(value)) })} />
        <span>{text("trunk.matching.extension.hint", { digits: rule.digits })}</span>
      </label>
    );
  }
  if (rule.by === "pattern") {
    return (
      <div className={s.pattern}>
        <Input className={s.code} size="small" value={rule.match} aria-label={text("trunk.matching.match")} aria-invalid={isWrong} spellCheck={false} placeholder="^sip:(\d{4})@pbx" onChange={(_, { value }) => onChange({ ...rule, match: value })} />
        <span aria-hidden="true">→</span>
        <Input className={s.code} size="small" value={rule.address} aria-label={text("trunk.matching.result")} spellCheck={false} placeholder="+4930555$1" onChange={(_, { value }) => onChange({ ...rule, address: value })} />
      </div>
    );
  }
  return text(`trunk.matching.${rule.by}.hint`);
}
