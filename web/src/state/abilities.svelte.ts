/** What this server can do, as far as it was seen: a place that it has nothing for is not offered again. */

class Abilities {
  search = $state(true);
}

export const abilities = new Abilities();
