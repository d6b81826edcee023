import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: {
    // The portal's cookies are bound to one origin, so in development the API is reached through the same one.
    proxy: { "/api": { target: "http://127.0.0.1:8080", changeOrigin: false } },
  },
  build: {
    target: "es2024",
    // Small files stay files: a data: address would need an exception in the content security policy.
    assetsInlineLimit: 0,
    // Fluent, React and the router are one chunk: every page needs all of it, and it is 230 KB on the wire.
    chunkSizeWarningLimit: 800,
  },
});
