import { Button, Textarea } from "@fluentui/react-components";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import { useState } from "react";
import { useText } from "../text.ts";
import s from "./pem-list.module.css";

const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

interface PemListProps {
  readonly value: readonly string[];
  readonly onChange: (certificates: string[]) => void;
}

/** Certificates, pasted one or many at a time. Which they are is told by their last characters, as other tools show them too. */
export function PemList({ value, onChange, ...field }: PemListProps) {
  const text = useText();
  const [pasted, setPasted] = useState("");
  const take = (typed: string): void => {
    const found = typed.match(pem) ?? [];
    if (found.length > 0) onChange([...new Set([...value, ...found])]);
    setPasted(found.length > 0 ? typed.replaceAll(pem, "").trim() : typed);
  };
  return (
    <div className={s.list}>
      {value.map((certificate, index) => (
        <div key={certificate} className={s.certificate}>
          <code>
            {text("trunk.certificate", { number: index + 1 })} …{certificate.replaceAll(/\s|-----(BEGIN|END) CERTIFICATE-----/g, "").slice(-24)}
          </code>
          <Button appearance="subtle" size="small" icon={<DeleteRegular />} aria-label={text("trunk.certificate.remove", { number: index + 1 })} onClick={() => onChange(value.filter((_, at) => at !== index))} />
        </div>
      ))}
      <Textarea {...field} className={s.paste} value={pasted} rows={3} resize="vertical" placeholder="-----BEGIN CERTIFICATE-----" onChange={(_, { value: typed }) => take(typed)} />
      {pasted.trim() !== "" && <span role="status">{text("trunk.certificate.incomplete")}</span>}
    </div>
  );
}
