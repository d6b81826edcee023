import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import type { QueryClient } from "@tanstack/react-query";
import { problemOf } from "./api.ts";
import { Frame } from "./frame/frame.tsx";
import { InteractionsPage } from "./pages/interactions.tsx";
import { NotFoundPage } from "./pages/not-found.tsx";
import { SignInPage } from "./pages/sign-in.tsx";
import { pages, type AuditSearch, type InvitationsSearch, type NewPersonSearch, type ListSearch } from "./paths.ts";
import { createQueryClient, filterOf, interactionQuery, interactionsQuery, sessionQuery } from "./queries.ts";
import { FaultPage } from "./pages/fault.tsx";
import type * as Settings from "./settings/index.ts";

type SearchInput = Record<string, unknown>;
const text = (search: SearchInput, key: string): string | undefined => {
  const value = search[key];
  return typeof value === "string" && value !== "" ? value : undefined;
};
/** Leaves out what is absent, so that addresses stay short. */
const present = <T extends Record<string, string | undefined>>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: string };

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  errorComponent: FaultPage,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: SearchInput) => present({ returnTo: text(search, "returnTo"), error: text(search, "error"), signedOut: text(search, "signedOut") }),
  component: SignInPage,
});

const enrollment = createRoute({ getParentRoute: () => root, path: "/enrollment", component: lazyRouteComponent(() => import("./pages/enrollment.tsx"), "EnrollmentPage") });

const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(sessionQuery);
    } catch (error) {
      if (problemOf(error).status === 401) throw redirect(pages.signIn(location.href === "/" ? {} : { returnTo: location.href }));
      throw error;
    }
  },
  component: Frame,
});

const home = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  beforeLoad: () => {
    throw redirect({ ...pages.interactions(), replace: true });
  },
});

const interactions = createRoute({
  getParentRoute: () => signedIn,
  path: "/interactions",
  validateSearch: (search: SearchInput): ListSearch => present({ q: text(search, "q"), status: text(search, "status") }),
  loaderDeps: ({ search }) => search,
  // Not awaited: the page shows the shape of what comes.
  loader: ({ context, deps }) => void context.queryClient.prefetchInfiniteQuery(interactionsQuery(filterOf(deps))),
  component: InteractionsPage,
});

const auditKeys = ["name", "description", "action", "item", "by", "from", "to", "subject", "actor", "open"] as const satisfies readonly (keyof AuditSearch)[];

const interactionPage = lazyRouteComponent(() => import("./pages/interaction.tsx"), "InteractionPage");
const call = {
  validateSearch: (search: SearchInput) => present({ t: text(search, "t") }),
  loader: ({ context, params, preload }: { context: { queryClient: QueryClient }; params: { id: string }; preload: boolean }) => {
    // Asking for a call is looking at it, and is written down: a pointer on its way over the list looks at nothing.
    if (!preload) void context.queryClient.prefetchQuery(interactionQuery(params.id));
  },
  component: interactionPage,
};

const interaction = createRoute({ getParentRoute: () => signedIn, path: "/interactions/$id", ...call });
/** The address that exports, mails and other systems carry (INT-55). */
const callLink = createRoute({ getParentRoute: () => signedIn, path: "/ui/interactions/$id", ...call });

/** Few people ever open the settings: they come when asked for. */
const settingsPage = <Name extends keyof typeof Settings>(name: Name) => lazyRouteComponent(() => import("./settings/index.ts"), name);

const audit = createRoute({
  getParentRoute: () => signedIn,
  path: "/audit",
  validateSearch: (search: SearchInput): AuditSearch => present(Object.fromEntries(auditKeys.map((key) => [key, text(search, key)]))),
  component: lazyRouteComponent(() => import("./audit/audit-page.tsx"), "AuditPage"),
});

const sessions = createRoute({ getParentRoute: () => signedIn, path: "/account/sessions", component: lazyRouteComponent(() => import("./account/sessions-page.tsx"), "SessionsPage") });

const settings = createRoute({ getParentRoute: () => signedIn, path: "/settings", component: settingsPage("SettingsFrame") });
const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: ({ context }) => {
    const configures = context.queryClient.getQueryData(sessionQuery.queryKey)?.permissions.includes("tenant.manage") ?? true;
    throw redirect({ ...(configures ? pages.trunks() : pages.accessProfiles()), replace: true });
  },
});
const settingsPages = [
  createRoute({ getParentRoute: () => settings, path: "/trunks", component: settingsPage("TrunksPage") }),
  createRoute({ getParentRoute: () => settings, path: "/trunks/new", component: settingsPage("NewTrunkPage") }),
  createRoute({ getParentRoute: () => settings, path: "/trunks/$id", validateSearch: (search: SearchInput): Pick<InvitationsSearch, "open"> => present({ open: text(search, "open") }), component: settingsPage("TrunkPage") }),
  createRoute({ getParentRoute: () => settings, path: "/invitations", validateSearch: (search: SearchInput): InvitationsSearch => present({ trunk: text(search, "trunk"), outcome: text(search, "outcome"), open: text(search, "open") }), component: settingsPage("InvitationsPage") }),
  createRoute({ getParentRoute: () => settings, path: "/people", validateSearch: (search: SearchInput) => present({ q: text(search, "q") }), component: settingsPage("PeoplePage") }),
  createRoute({ getParentRoute: () => settings, path: "/people/new", validateSearch: (search: SearchInput): NewPersonSearch => present({ address: text(search, "address"), name: text(search, "name") }), component: settingsPage("NewPersonPage") }),
  createRoute({ getParentRoute: () => settings, path: "/people/import", component: settingsPage("ImportPage") }),
  createRoute({ getParentRoute: () => settings, path: "/people/$id", component: settingsPage("PersonPage") }),
  createRoute({ getParentRoute: () => settings, path: "/access-profiles", component: settingsPage("AccessProfilesPage") }),
  createRoute({ getParentRoute: () => settings, path: "/access-profiles/new", component: settingsPage("NewAccessProfilePage") }),
  createRoute({ getParentRoute: () => settings, path: "/access-profiles/$id", validateSearch: (search: SearchInput) => present({ edit: text(search, "edit") }), component: settingsPage("AccessProfilePage") }),
  createRoute({ getParentRoute: () => settings, path: "/roles", component: settingsPage("RolesPage") }),
  createRoute({ getParentRoute: () => settings, path: "/groups", component: settingsPage("GroupsPage") }),
  createRoute({ getParentRoute: () => settings, path: "/sessions", component: settingsPage("SessionLimitsPage") }),
  createRoute({ getParentRoute: () => settings, path: "/directory", component: settingsPage("DirectoryPage") }),
] as const;

export const queryClient = createQueryClient(() => {
  const { pathname, href } = router.state.location;
  if (pathname === "/sign-in") return;
  queryClient.clear();
  void router.navigate({ ...pages.signIn({ returnTo: href, error: "session_ended" }), replace: true });
});

export const router = createRouter({
  routeTree: root.addChildren([signIn, enrollment, signedIn.addChildren([home, interactions, interaction, callLink, audit, sessions, settings.addChildren([settingsHome, ...settingsPages])])]),
  context: { queryClient },
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  defaultNotFoundComponent: NotFoundPage,
  defaultErrorComponent: FaultPage,
  // Addresses people can read and write: ?q=adele&status=Recording, no JSON.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const written = new URLSearchParams();
    for (const [key, value] of Object.entries(search)) if (value !== undefined && value !== "") written.set(key, String(value));
    const line = written.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    return line ? `?${line}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
