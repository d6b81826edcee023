import { Button, MessageBar, MessageBarBody } from "@fluentui/react-components";
import type { DigestSecret, Trunk } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { CopyButton } from "../call/copy.tsx";
import { useProblemWords } from "../frame/notice.tsx";
import { useText } from "../text.ts";
import { Ago } from "./ago.tsx";
import s from "./connect.module.css";

/** What is entered in the session border controller. */
export function Connect({ trunk }: { trunk: Trunk }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  /** Shown once: the server keeps only what it needs to check it. */
  const [secret, setSecret] = useState<DigestSecret | null>(null);
  const again = () => queryClient.invalidateQueries({ queryKey: ["trunk", trunk.id] });
  const set = useMutation({ mutationFn: () => api.setPassword(trunk.id), onSuccess: (made) => (setSecret(made), again()) });
  const clear = useMutation({ mutationFn: () => api.removePassword(trunk.id), onSuccess: () => (setSecret(null), again()) });
  const failed = set.error ?? clear.error;
  return (
    <div className={s.connect}>
      <dl className={s.list}>
        <dt>{text("trunk.addresses")}</dt>
        {trunk.addresses.map((address) => (
          <dd key={address}>
            <code>{address}</code>
            <CopyButton what={text("trunk.address")} value={address} />
          </dd>
        ))}
        <dt>{text("trunk.password")}</dt>
        <dd className={s.password}>
          {trunk.digest === null ? (
            <span>{text("trunk.password.none")}</span>
          ) : (
            <span>
              {text("trunk.password.is", { username: trunk.digest.username })} <Ago at={trunk.digest.setAt} />
            </span>
          )}
          <Button size="small" disabled={set.isPending} onClick={() => set.mutate()}>
            {text(trunk.digest === null ? "trunk.password.make" : "trunk.password.renew")}
          </Button>
          {trunk.digest !== null && (
            <Button size="small" disabled={clear.isPending} onClick={() => clear.mutate()}>
              {text("trunk.password.clear")}
            </Button>
          )}
        </dd>
      </dl>
      {secret && (
        <MessageBar intent="success" layout="multiline">
          <MessageBarBody>
            <p>{text("trunk.password.once")}</p>
            <dl className={s.secret}>
              <dt>{text("trunk.password.username")}</dt>
              <dd>
                <code>{secret.username}</code>
                <CopyButton what={text("trunk.password.username")} value={secret.username} />
              </dd>
              <dt>{text("trunk.password")}</dt>
              <dd>
                <code>{secret.password}</code>
                <CopyButton what={text("trunk.password")} value={secret.password} />
              </dd>
              <dt>{text("trunk.password.realm")}</dt>
              <dd>
                <code>{secret.realm}</code>
              </dd>
            </dl>
          </MessageBarBody>
        </MessageBar>
      )}
      {failed !== null && <p role="alert">{words(problemOf(failed)).detail}</p>}
    </div>
  );
}
