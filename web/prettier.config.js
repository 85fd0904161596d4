// Prettier as it comes, with the line length of the Python code. Also used for tests/ and benchmarks/.
import * as svelte from "prettier-plugin-svelte";

export default {
  printWidth: 100,
  plugins: [svelte],
  overrides: [{ files: "*.svelte", options: { parser: "svelte" } }],
};
