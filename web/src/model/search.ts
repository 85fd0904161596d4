/** Lines found over all runs, put together by the attempt that said them. */
import type { FoundLine } from "../api/types";

export interface Found {
  key: string;
  jobId: string;
  attempt: number;
  handler: string;
  about: string | null;
  lines: FoundLine[];
}

/** Neighbours of one attempt become one group; the order stays. */
export function grouped(lines: readonly FoundLine[]): Found[] {
  const groups: Found[] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (last && last.jobId === line.job_id && last.attempt === line.attempt) last.lines.push(line);
    else
      groups.push({
        key: `${line.job_id} ${line.attempt} ${line.id}`,
        jobId: line.job_id,
        attempt: line.attempt,
        handler: line.handler_name,
        about: line.job_source,
        lines: [line],
      });
  }
  return groups;
}
