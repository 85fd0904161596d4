// ESLint for everything in JavaScript and TypeScript: the UI, its tests in a browser, its benchmark.
// Run from the repository's root (`npm run lint` does), so that tests/ and benchmarks/ are within reach.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import prettier from "eslint-config-prettier";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

import svelteConfig from "./svelte.config.js";

const TYPED = ["web/src/**/*.ts", "web/src/**/*.svelte"];

export default defineConfig(
  { ignores: ["**/node_modules/", "**/.venv/", "**/dist/", "web/src/api/schema.d.ts"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  { files: TYPED, extends: [ts.configs.recommendedTypeChecked] },
  { files: ["web/*.ts"], extends: [ts.configs.recommended] },
  svelte.configs.recommended,
  prettier,
  svelte.configs.prettier,
  {
    files: TYPED,
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: [".svelte"],
      },
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    // Svelte's own rule knows that `$props()` is taken apart with `let`.
    rules: { "prefer-const": "off", "svelte/prefer-const": "error" },
  },
  {
    files: ["**/*.svelte"],
    rules: {
      // The parser sees `any` where a component's types come from another component or a snippet;
      // svelte-check sees the types there.
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  {
    rules: {
      // A newline between the parts of a message can be said in no other way.
      "svelte/no-useless-mustaches": ["error", { ignoreStringEscape: true }],
    },
  },
  {
    // Run by Node; what they give to the page runs in the browser.
    files: ["**/*.mjs", "web/*.js"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
);
