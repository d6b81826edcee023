import { Button } from "@fluentui/react-components";
import { KeyRegular } from "@fluentui/react-icons/svg/key";
import type { DigestSecret, Trunk } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { CopyButton } from "../call/copy.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import { Ago } from "../frame/ago.tsx";
import s from "./connect.module.css";

/** What is entered in the session border controller. */
export function Connect({ trunk }: { trunk: Trunk }) {
  const text = useText();
  const word = (address: string): string => text(address.startsWith("sips:") ? "trunk.address.tls" : address.endsWith("tcp") ? "trunk.address.tcp" : "trunk.address.udp");
  // What the trunk would refuse is not offered.
  const addresses = trunk.addresses.filter((address) => trunk.settings.transport === "any" || address.startsWith("sips:"));
  return (
    <dl className={s.list}>
      <dt>{text("trunk.addresses")}</dt>
      {addresses.length === 0 && <dd>{text("trunk.addresses.noTls")}</dd>}
      {addresses.map((address) => (
        <dd key={address}>
          <span className={s.transport}>{word(address)}</span>
          <Value name={text("trunk.address", { transport: word(address) })}>{address}</Value>
        </dd>
      ))}
      <dt>{text("trunk.password")}</dt>
      <dd>
        <Password trunk={trunk} />
      </dd>
    </dl>
  );
}

function Password({ trunk }: { trunk: Trunk }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  /** Shown once: the server keeps only what it needs to check it. */
  const [secret, setSecret] = useState<DigestSecret | null>(null);
  const [asked, setAsked] = useState<"make" | "renew" | "clear" | null>(null);
  const again = () => (setAsked(null), queryClient.invalidateQueries({ queryKey: ["trunk", trunk.id] }));
  const set = useMutation({ mutationFn: () => api.setPassword(trunk.id), onSuccess: (made) => (setSecret(made), again()) });
  const clear = useMutation({ mutationFn: () => api.removePassword(trunk.id), onSuccess: () => (setSecret(null), again()) });
  const failed = set.error ?? clear.error;
  const isBusy = set.isPending || clear.isPending;
  return (
    <div className={s.password}>
      <div className={s.line}>
        {trunk.digest === null ? (
          <>
            <span>{text("trunk.password.none")}</span>
            {asked === null && (
              <Button size="small" onClick={() => setAsked("make")}>
                {text("trunk.password.make")}
              </Button>
            )}
          </>
        ) : (
          <>
            <span>
              {text("trunk.password.is", { username: trunk.digest.username })} <Ago at={trunk.digest.setAt} />
            </span>
            {asked === null && (
              <>
                <Button size="small" onClick={() => setAsked("renew")}>
                  {text("trunk.password.renew")}
                </Button>
                <Button size="small" onClick={() => setAsked("clear")}>
                  {text("trunk.password.clear")}
                </Button>
              </>
            )}
          </>
        )}
      </div>
      {asked !== null && (
        <div className={s.line} role="group" aria-label={text("trunk.password")}>
          <span className={s.consequence}>{text(`trunk.password.${asked}.sure`)}</span>
          <Button size="small" appearance="primary" disabled={isBusy} onClick={() => (asked === "clear" ? clear.mutate() : set.mutate())}>
            {text(`trunk.password.${asked}`)}
          </Button>
          <Button size="small" onClick={() => setAsked(null)}>
            {text("settings.cancel")}
          </Button>
        </div>
      )}
      {secret && (
        <div className={s.secret} role="status">
          <p>
            <KeyRegular /> {text("trunk.password.once")}
          </p>
          <dl>
            <dt>{text("trunk.password.username")}</dt>
            <dd>
              <Value name={text("trunk.password.username")}>{secret.username}</Value>
            </dd>
            <dt>{text("trunk.password")}</dt>
            <dd>
              <Value name={text("trunk.password")}>{secret.password}</Value>
            </dd>
            <dt>{text("trunk.password.realm")}</dt>
            <dd>
              <Value name={text("trunk.password.realm")}>{secret.realm}</Value>
            </dd>
          </dl>
          <Button size="small" onClick={() => setSecret(null)}>
            {text("trunk.password.done")}
          </Button>
        </div>
      )}
      {failed !== null && <p role="alert">{words(problemOf(failed)).detail}</p>}
    </div>
  );
}

function Value({ name, children }: { name: string; children: string }) {
  return (
    <span className={s.value}>
      <code>{children}</code>
      <CopyButton what={name} value={children} />
    </span>
  );
}
