export { GroupsPage } from "./groups-page.tsx";
export { ImportPage } from "./import-page.tsx";
export { InvitationsPage } from "./invitations-page.tsx";
export { PeoplePage } from "./people-page.tsx";
export { NewPersonPage, PersonPage } from "./person-page.tsx";
export { SettingsFrame } from "./settings-frame.tsx";
export { TrunksPage } from "./trunk-list.tsx";
export { NewTrunkPage, TrunkPage } from "./trunk-page.tsx";
