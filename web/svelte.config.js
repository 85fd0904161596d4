// Components build their DOM with createElement ("tree"), never by assigning HTML: the page runs under Trusted Types.
export default {
  compilerOptions: { runes: true, fragments: "tree" },
};
