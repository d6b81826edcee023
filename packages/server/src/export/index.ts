export { exportRoutes, type ExportRoutesOptions } from "./routes.ts";
