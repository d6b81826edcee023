import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from "@fluentui/react-components";
import { Fragment } from "react";
import { keyMap } from "../player/keys.ts";
import { useText } from "../text.ts";
import s from "./help.module.css";

export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog open={open} onOpenChange={(_, change) => !change.open && onClose()}>
      <DialogSurface className={s.surface}>
        <DialogBody>
          <DialogTitle>{text("help.title")}</DialogTitle>
          <DialogContent>
            <p className={s.lead}>{text("help.lead")}</p>
            <div className={s.groups}>
              {keyMap.map((group) => (
                <section key={group.title} className={s.group}>
                  <h3>{text(group.title)}</h3>
                  <dl>
                    {group.keys.map(({ keys, does }) => (
                      <Fragment key={does}>
                        <dt>
                          {keys.map((key) => (key === "…" ? <span key={key}>…</span> : <kbd key={key}>{key}</kbd>))}
                        </dt>
                        <dd>{text(does)}</dd>
                      </Fragment>
                    ))}
                  </dl>
                </section>
              ))}
            </div>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {text("app.close")}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
