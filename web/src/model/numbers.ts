/** Numbers as people read them. */

const GROUPED = new Intl.NumberFormat("en-US");

export function grouped(value: number): string {
  return GROUPED.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${grouped(value)} ${value === 1 ? one : many}`;
}

/** Short form for badges: 999, 1.2k, 34k, 1.2M. */
export function compact(value: number): string {
  if (value < 1000) return String(value);
  const [scaled, unit] = value < 999_500 ? [value / 1000, "k"] : [value / 1_000_000, "M"];
  return `${scaled < 9.95 ? scaled.toFixed(1).replace(/\.0$/, "") : Math.round(scaled)}${unit}`;
}

/** Bytes in binary units: 512 B, 4.0 KiB, 99.9 MiB. */
export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = size;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return at === 0 ? `${value} B` : `${value.toFixed(1)} ${units[at]}`;
}

/** US dollars with at least two digits that count: $1,204.50, $0.30, $0.012, $0.00042. */
export function dollars(value: number): string {
  const digits = value >= 1 || value <= 0 ? 2 : Math.max(2, 1 - Math.floor(Math.log10(value)));
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}
