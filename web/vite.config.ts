import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the UI of a server that is already running here.
const SERVER = process.env.QNTX_URL ?? "http://127.0.0.1:8820";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/qntx/web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: { "/api": SERVER },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
