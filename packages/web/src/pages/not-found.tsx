import { LinkDismissRegular } from "@fluentui/react-icons/svg/link-dismiss";
import { Link } from "@tanstack/react-router";
import { Mark } from "../frame/mark.tsx";
import { Notice } from "../frame/notice.tsx";
import { Title } from "../frame/title.tsx";
import { pages } from "../paths.ts";
import { useText } from "../text.ts";
import s from "./not-found.module.css";

export function NotFoundPage() {
  const text = useText();
  return (
    <main className={s.page}>
      <Title page={text("notFound.title")} />
      <Link {...pages.interactions()} className={s.brand}>
        <Mark size={28} />
        {text("app.name")}
      </Link>
      <Notice alone icon={<LinkDismissRegular />} title={text("notFound.title")} actions={<Link {...pages.interactions()} className={s.back}>{text("notFound.back")}</Link>}>
        <p>{text("notFound.detail")}</p>
      </Notice>
    </main>
  );
}
