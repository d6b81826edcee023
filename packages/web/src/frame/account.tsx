import { Menu, MenuDivider, MenuGroup, MenuGroupHeader, MenuItem, MenuItemRadio, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import type { SessionInfo } from "@earwitness/contract";
import { DesktopRegular } from "@fluentui/react-icons/svg/desktop";
import { SignOutRegular } from "@fluentui/react-icons/svg/sign-out";
import { useNavigate } from "@tanstack/react-router";
import { pages } from "../paths.ts";
import { useText } from "../text.ts";
import { setAppearance, useAppearance, type Appearance } from "../theme.ts";
import s from "./account.module.css";

/** The signed-in person: who, under which rights; the portal's appearance; the way out. */
export function Account({ session, itemClass, labelClass, onSignOut }: { session: SessionInfo; itemClass: string | undefined; labelClass: string | undefined; onSignOut: () => void }) {
  const text = useText();
  const navigate = useNavigate();
  const appearance = useAppearance();
  const { name, upn } = session.person;
  return (
    <Menu
      positioning="after-bottom"
      checkedValues={{ appearance: [appearance] }}
      onCheckedValueChange={(_, { checkedItems }) => setAppearance((checkedItems[0] ?? "system") as Appearance)}
    >
      <MenuTrigger disableButtonEnhancement>
        <button type="button" className={itemClass} aria-label={text("frame.account", { name })}>
          <span className={s.initials} data-initials={initials(name)} />
          <span className={labelClass}>{name}</span>
        </button>
      </MenuTrigger>
      <MenuPopover>
        <div className={s.who}>
          <strong>{name}</strong>
          <span>{upn}</span>
          <span>
            {session.profile} · {session.tenant.name}
          </span>
        </div>
        <MenuList>
          <MenuDivider />
          <MenuGroup>
            <MenuGroupHeader>{text("frame.appearance")}</MenuGroupHeader>
            {(["system", "light", "dark"] as const).map((one) => (
              <MenuItemRadio key={one} name="appearance" value={one}>
                {text(`frame.appearance.${one}`)}
              </MenuItemRadio>
            ))}
          </MenuGroup>
          <MenuDivider />
          <MenuItem icon={<DesktopRegular />} onClick={() => void navigate(pages.sessions())}>
            {text("sessions.page")}
          </MenuItem>
          <MenuItem icon={<SignOutRegular />} onClick={onSignOut}>
            {text("frame.signOut")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

export function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase();
}
