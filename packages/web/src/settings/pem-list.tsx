import { Button, Textarea } from "@fluentui/react-components";
import { CertificateRegular } from "@fluentui/react-icons/svg/certificate";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import { useState } from "react";
import { useReader, useText } from "../text.ts";
import { formatDate } from "../time.ts";
import { pemBlocks, readCertificate, withoutPrivateKeys } from "./certificate.ts";
import s from "./pem-list.module.css";

interface PemListProps {
  readonly value: readonly string[];
  readonly onChange: (certificates: string[]) => void;
}

const dayMs = 86_400_000;
/** As long before the end as the server says so. */
const soonMs = 30 * dayMs;

/** Certificates, pasted or chosen, one or many at a time. */
export function PemList({ value, onChange }: PemListProps) {
  const text = useText();
  const [pasted, setPasted] = useState("");
  const [hadPrivateKey, setHadPrivateKey] = useState(false);
  const take = (entered: string): void => {
    const { rest: typed, had } = withoutPrivateKeys(entered);
    setHadPrivateKey(had);
    const found = typed.match(pemBlocks) ?? [];
    if (found.length > 0) onChange([...new Set([...value, ...found])]);
    setPasted(found.length > 0 ? typed.replaceAll(pemBlocks, "").trim() : typed);
  };
  return (
    <div className={s.list}>
      {value.map((certificate, index) => (
        <Certificate key={certificate} pem={certificate} number={index + 1} onRemove={() => onChange(value.filter((_, at) => at !== index))} />
      ))}
      <Textarea className={s.paste} value={pasted} rows={2} resize="vertical" spellCheck={false} placeholder="-----BEGIN CERTIFICATE-----" onChange={(_, { value: typed }) => take(typed)} />
      <span role="status" className={hadPrivateKey ? s.danger : s.state}>
        {hadPrivateKey ? text("trunk.certificate.privateKey") : pasted.trim() !== "" && text("trunk.certificate.incomplete")}
      </span>
    </div>
  );
}

function Certificate({ pem, number, onRemove }: { pem: string; number: number; onRemove: () => void }) {
  const text = useText();
  const reader = useReader();
  const facts = readCertificate(pem);
  const leftMs = facts === null ? 0 : facts.validTo.getTime() - Date.now();
  const date = facts === null ? "" : formatDate(facts.validTo.toISOString(), reader);
  return (
    <div className={s.certificate}>
      <span className={s.icon}><CertificateRegular /></span>
      <div className={s.facts}>
        <strong>{facts === null ? text("trunk.certificate", { number }) : facts.subject}</strong>
        {facts === null ? (
          <span className={s.soon}>{text("trunk.certificate.unreadable")}</span>
        ) : (
          <span>
            {facts.issuer === facts.subject ? text("trunk.certificate.self") : text("trunk.certificate.issuer", { issuer: facts.issuer })}
            {" · "}
            <span className={leftMs < soonMs ? s.soon : undefined}>
              {leftMs < 0 ? text("trunk.certificate.expired", { date }) : text(leftMs < soonMs ? "trunk.certificate.soon" : "trunk.certificate.until", { date, days: Math.floor(leftMs / dayMs) })}
            </span>
          </span>
        )}
      </div>
      <Button appearance="subtle" size="small" icon={<DeleteRegular />} aria-label={text("trunk.certificate.remove", { name: facts?.subject ?? String(number) })} onClick={onRemove} />
    </div>
  );
}
