/** A short sentence at the bottom of the page that says what just happened ("3 lines copied"). */

class Notices {
  text = $state("");
  #timer: ReturnType<typeof setTimeout> | null = null;

  say(text: string): void {
    this.text = text;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.text = ""), 3000);
  }

  /** Copies a text and says so; says how to help oneself when the browser refuses. */
  async copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(`Copied ${what}`);
    } catch {
      this.say("The browser refused to copy; select the text and press Ctrl+C");
    }
  }
}

export const notices = new Notices();
