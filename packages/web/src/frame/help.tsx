import { Button } from "@fluentui/react-components";
import { Fragment, useEffect, useRef } from "react";
import { keyMap } from "../player/keys.ts";
import { useText } from "../text.ts";
import s from "./help.module.css";

/** The browser's own modal dialog: it keeps the focus inside, closes with Escape, and gives the focus back. */
export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const text = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);

  return (
    <dialog
      ref={dialog}
      className={s.dialog}
      role="dialog"
      aria-labelledby="help-title"
      onClose={onClose}
      onClick={(event) => {
        // The backdrop belongs to the dialog; only its content is inside the article.
        if (event.target === dialog.current) onClose();
      }}
    >
      <article className={s.content}>
        <h2 id="help-title">{text("help.title")}</h2>
        <p className={s.lead}>{text("help.lead")}</p>
        <div className={s.groups}>
          {keyMap.map((group) => (
            <section key={group.title} className={s.group}>
              <h3>{text(group.title)}</h3>
              <dl>
                {group.keys.map(({ keys, does }) => (
                  <Fragment key={does}>
                    <dt>{keys.map((key) => (key === "…" ? <span key={key}>…</span> : <kbd key={key}>{key}</kbd>))}</dt>
                    <dd>{text(does)}</dd>
                  </Fragment>
                ))}
              </dl>
            </section>
          ))}
        </div>
        <div className={s.actions}>
          <Button appearance="primary" onClick={onClose}>
            {text("app.close")}
          </Button>
        </div>
      </article>
    </dialog>
  );
}
