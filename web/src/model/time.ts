/** Times and durations as people read them. Instants are microseconds since 1970, so that nothing of a timestamp is lost. */

/** `relative`: since the start of the run; `delta`: since the line before. */
export type TimeMode = "local" | "utc" | "relative" | "delta";
export const TIME_MODES: readonly TimeMode[] = ["local", "utc", "relative", "delta"];

const SECOND_US = 1_000_000;

/** Microseconds since the epoch of an RFC 3339 text; NaN when it is none. */
export function parseUs(iso: string): number {
  const match = /^(.*?[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/i.exec(iso);
  if (!match) return Number.NaN;
  const seconds = Date.parse(`${match[1]}${match[3] ?? "Z"}`);
  return seconds * 1000 + Number((match[2] ?? "").slice(0, 6).padEnd(6, "0"));
}

/** RFC 3339 in UTC with microseconds, as the server writes it. */
export function isoOf(us: number): string {
  const seconds = Math.floor(us / SECOND_US);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction(us, 6)}Z`;
}

/** What an input of a local date and time shows of an instant, to the millisecond; "" for none. */
export function localInput(iso: string): string {
  return fullLocal(parseUs(iso)).slice(0, 23).replace(" ", "T");
}

/** The instant that such an input means; "" for none. */
export function fromLocalInput(text: string): string {
  const ms = Date.parse(text); // without a zone: local time
  return Number.isNaN(ms) ? "" : isoOf(ms * 1000);
}

export function nextMode(mode: TimeMode): TimeMode {
  return TIME_MODES[(TIME_MODES.indexOf(mode) + 1) % TIME_MODES.length]!;
}

const two = (value: number) => String(value).padStart(2, "0");

function fraction(us: number, digits: number): string {
  const micros = String(((us % SECOND_US) + SECOND_US) % SECOND_US).padStart(6, "0");
  return micros.slice(0, digits);
}

/** Time of day with milliseconds, as a log column shows it; or how long after `zeroUs`, where there is such an instant. */
export function clockTime(us: number, mode: TimeMode, zeroUs: number | null): string {
  if (Number.isNaN(us)) return "";
  if ((mode === "relative" || mode === "delta") && zeroUs !== null) return offset(us - zeroUs);
  const date = new Date(us / 1000);
  const parts =
    mode === "utc"
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${parts.map(two).join(":")}.${fraction(us, 3)}${mode === "utc" ? "Z" : ""}`;
}

/** Signed time since an instant: +0.012 s, +1:02.500, +2:03:04.000. */
export function offset(us: number): string {
  const sign = us < 0 ? "-" : "+";
  const abs = Math.abs(us);
  const seconds = Math.floor(abs / SECOND_US);
  const rest = fraction(abs, 3);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${sign}${h}:${two(m)}:${two(s)}.${rest}`;
  if (m > 0) return `${sign}${m}:${two(s)}.${rest}`;
  return `${sign}${s}.${rest} s`;
}

/** A duration in the two units that matter: 840 µs, 12 ms, 3.42 s, 2 m 05 s, 3 h 12 m, 2 d 4 h. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 0) return "0 ms";
  if (ms > 0 && ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

/** How long something still takes, as roughly as it is known: a moment left, 40 s left, 5 min left, 3 h left; "" when it is not. */
export function timeLeft(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  return seconds < 1 ? "a moment left" : `${roughly(seconds)} left`;
}

/** How long ago, in one unit: just now, 12 s ago, 5 min ago, 3 h ago, 2 d ago; the date when it is older than 30 days; in 6 h. */
export function ago(us: number, nowUs: number): string {
  const seconds = Math.floor((nowUs - us) / SECOND_US);
  if (Number.isNaN(seconds)) return "–";
  if (seconds < -5) return `in ${roughly(-seconds)}`;
  if (seconds < 3) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 30 * 86_400) return `${Math.floor(seconds / 86_400)} d ago`;
  return isoDay(us);
}

/** A time to come in the one unit that it is known to. */
function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129_600
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}

function isoDay(us: number): string {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The date, month and day (with the year unless it is this one), that a time of day needs; "" today. */
export function dayBefore(us: number, nowUs: number, mode: TimeMode): string {
  if (Number.isNaN(us)) return "";
  const of = (at: number) => (mode === "utc" ? isoOf(at).slice(0, 10) : isoDay(at));
  const [day, today] = [of(us), of(nowUs)];
  return day === today ? "" : `${day.slice(0, 4) === today.slice(0, 4) ? day.slice(5) : day} `;
}

/** Local time to the second, with the date unless it is today: after "at", "until" and "since" in a sentence. */
export function dayTime(us: number, nowUs: number): string {
  const day = isoDay(us) === isoDay(nowUs) ? "" : `${isoDay(us)} `;
  return day + clockTime(us, "local", null).slice(0, 8);
}

/** Date and time in full with microseconds, in local time with its offset. */
export function fullLocal(us: number): string {
  if (Number.isNaN(us)) return "";
  const date = new Date(us / 1000);
  const minutes = -date.getTimezoneOffset();
  const zone = `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${isoDay(us)} ${time}.${fraction(us, 6)} ${zone}`;
}

/** What a pointer resting on a time shows: every form at once. `beforeUs`: of the line that is shown above it. */
export function allForms(
  iso: string,
  startUs: number | null,
  beforeUs: number | null = null,
): string {
  const us = parseUs(iso);
  const since = startUs === null ? "" : `\n${offset(us - startUs)} since the start of the run`;
  const delta = beforeUs === null ? "" : `\n${offset(us - beforeUs)} since the line before`;
  return `${fullLocal(us)}\n${iso}${since}${delta}`;
}
