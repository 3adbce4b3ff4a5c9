import { defineConfig } from "vite";

// The page is embedded in the binary and served under a strict content security policy: every script and style is a
// file of its own, nothing is inlined, nothing comes from another host.
export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: { outDir: "dist", assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
  server: {
    proxy: {
      "/api": {
        target: process.env.WAYFARE_URL ?? "http://127.0.0.1:8080",
        // the server refuses pages of other origins, and this page is one to it
        configure: (proxy) => proxy.on("proxyReq", (request) => request.removeHeader("origin")),
      },
    },
  },
});
